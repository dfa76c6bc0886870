import type { ReactNode } from "react";

const paths = {
  workspaces: <><rect x="3" y="4" width="18" height="13" rx="2" /><path d="M8 21h8M12 17v4" /></>,
  templates: <><rect x="4" y="4" width="7" height="7" rx="1.5" /><rect x="13" y="4" width="7" height="7" rx="1.5" /><rect x="4" y="13" width="7" height="7" rx="1.5" /><path d="M16.5 13.5v6M13.5 16.5h6" /></>,
  models: <><path d="M12 3l8 4.5v9L12 21l-8-4.5v-9z" /><path d="M12 12l8-4.5M12 12v9M12 12L4 7.5" /></>,
  key: <><circle cx="8" cy="15" r="4" /><path d="M11 12l9-9M16 7l3 3" /></>,
  requests: <path d="M4 6h16M4 12h10M4 18h13" />,
  spend: <path d="M4 20V10M10 20V4M16 20v-8M21 20H3" />,
  budgets: <><path d="M4 18a8 8 0 1 1 16 0" /><path d="M12 18l4-5" /></>,
  people: <><circle cx="9" cy="8" r="3.5" /><path d="M2.5 20a6.5 6.5 0 0 1 13 0M16 5a3.5 3.5 0 0 1 0 6.5M18 14.5a6.5 6.5 0 0 1 3.5 5.5" /></>,
  groups: <><circle cx="12" cy="7" r="3" /><circle cx="5.5" cy="16" r="2.5" /><circle cx="18.5" cy="16" r="2.5" /><path d="M10.5 9.7L7 13.8M13.5 9.7L17 13.8M8 16h8" /></>,
  roles: <><path d="M12 3l7 3v5c0 4.5-3 7.3-7 8.5-4-1.2-7-4-7-8.5V6z" /><path d="M9 11.5l2.2 2.2L15.2 9.5" /></>,
  tokens: <><rect x="3" y="7" width="18" height="10" rx="2" /><path d="M7 12h.01M11 12h.01M15 12h2" /></>,
  health: <path d="M3 12h4l2.5-7 4.5 14 2.5-7H21" />,
  search: <><circle cx="11" cy="11" r="6" /><path d="M20 20l-4.5-4.5" /></>,
  sun: <><circle cx="12" cy="12" r="4" /><path d="M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.4 1.4M17.6 17.6L19 19M5 19l1.4-1.4M17.6 6.4L19 5" /></>,
  moon: <path d="M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z" />,
  person: <><circle cx="12" cy="8" r="4" /><path d="M4 21a8 8 0 0 1 16 0" /></>,
  plus: <path d="M12 5v14M5 12h14" />,
  play: <path d="M7 4l13 8-13 8z" />,
  stop: <rect x="6" y="6" width="12" height="12" rx="1.5" />,
  restart: <path d="M20 11a8 8 0 1 0-2.3 6M20 4v7h-7" />,
  trash: <path d="M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6M14 11v6" />,
  terminal: <><rect x="3" y="4" width="18" height="16" rx="2" /><path d="M7 9l3 3-3 3M13 15h4" /></>,
  open: <path d="M10 5H5v14h14v-5M14 4h6v6M20 4l-9 9" />,
  copy: <><rect x="8" y="8" width="12" height="12" rx="2" /><path d="M16 8V4H4v12h4" /></>,
  check: <path d="M5 12.5l4.5 4.5L19 7" />,
  close: <path d="M6 6l12 12M18 6L6 18" />,
  code: <path d="M8 7l-5 5 5 5M16 7l5 5-5 5M14 4l-4 16" />,
  shield: <path d="M12 3l8 3v6c0 5-3.5 8-8 9-4.5-1-8-4-8-9V6z" />,
  robot: <><rect x="4" y="8" width="16" height="12" rx="2" /><path d="M12 4v4M9 13v2M15 13v2" /></>,
  chats: <><path d="M4 5h16v11H11l-5 4v-4H4z" /><path d="M8 9h8M8 12h5" /></>,
  connections: <><circle cx="6" cy="6" r="2.5" /><circle cx="6" cy="18" r="2.5" /><circle cx="18" cy="9" r="2.5" /><path d="M6 8.5v7M18 11.5c0 4-6 3-9.5 5" /></>,
  send: <path d="M12 20V5M6 11l6-6 6 6" />,
  pause: <path d="M8 5v14M16 5v14" />,
  alert: <path d="M12 3l10 18H2zM12 10v5M12 18h.01" />,
  download: <path d="M12 4v11M7 11l5 5 5-5M4 20h16" />,
  out: <path d="M14 4h5v16h-5M4 12h11M11 8l4 4-4 4" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof paths;

/** A picture beside a word that says the same; screen readers pass over it. */
export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth={1.8} strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      {paths[name]}
    </svg>
  );
}

/** The icon that a template or an app asks for by name, as far as there is one. */
export function namedIcon(name: string, otherwise: IconName): IconName {
  if (name === "agent" || name === "bot") return "robot";
  return name in paths ? (name as IconName) : otherwise;
}
