import { Alert, Badge, createTheme, type CSSVariablesResolver, localStorageColorSchemeManager, Modal } from "@mantine/core";

export const theme = createTheme({
  primaryColor: "indigo",
  primaryShade: { light: 8, dark: 8 },
  autoContrast: true,
  defaultRadius: "md",
  cursorType: "pointer",
  respectReducedMotion: true,
  fontFamily: "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
  fontFamilyMonospace: "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace",
  components: {
    // Titles in the colour of the alert are too pale on its ground.
    Alert: Alert.extend({ styles: { title: { color: "var(--mantine-color-text)" } } }),
    Badge: Badge.extend({ defaultProps: { tt: "none", fw: 500 } }),
    Modal: Modal.extend({ defaultProps: { closeButtonProps: { "aria-label": "Close" } } }),
  },
  headings: { fontWeight: "650", sizes: { h1: { fontSize: "1.6rem" }, h2: { fontSize: "1.15rem" }, h3: { fontSize: "1rem" } } },
});

/** Mantine's own greys and reds are too pale for small text (WCAG 2.2 AA asks for 4.5 to 1). */
export const variables: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-dimmed": "var(--mantine-color-gray-7)",
    "--mantine-color-placeholder": "#6c737a",
    "--mantine-color-error": "var(--mantine-color-red-9)",
    "--mantine-color-anchor": "var(--mantine-color-indigo-8)",
    "--bailey-surface": "var(--mantine-color-white)",
    "--bailey-ground": "var(--mantine-color-gray-0)",
  },
  dark: {
    "--mantine-color-dimmed": "var(--mantine-color-dark-1)",
    "--mantine-color-placeholder": "#a0a0a0",
    "--mantine-color-error": "var(--mantine-color-red-4)",
    "--mantine-color-anchor": "var(--mantine-color-indigo-3)",
    "--bailey-surface": "var(--mantine-color-dark-6)",
    "--bailey-ground": "var(--mantine-color-dark-8)",
  },
});

/** `public/scheme.js` reads the same key before the page is painted. */
export const schemes = localStorageColorSchemeManager({ key: "bailey-scheme" });
