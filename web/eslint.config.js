import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts"] },
  js.configs.recommended,
  {
    files: ["src/**/*.{ts,tsx}"],
    extends: [...tseslint.configs.strict, hooks.configs.flat["recommended-latest"]],
    rules: {
      "no-console": "error",
      "@typescript-eslint/no-non-null-assertion": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "What the API says is text, not HTML." },
      ],
    },
  },
  { files: ["*.mjs", "*.js"], languageOptions: { globals: { console: "readonly", process: "readonly", URL: "readonly" } } },
  { files: ["public/*.js"], languageOptions: { sourceType: "script", globals: { document: "readonly", localStorage: "readonly", matchMedia: "readonly" } } },
);
