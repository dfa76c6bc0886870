import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// For development only: the server that the pages talk to, and a token in place of signing in. Neither is in what is built.
const target = process.env.BAILEY_URL ?? "http://127.0.0.1:7080";
const token = process.env.BAILEY_TOKEN;
// The server takes changes from pages of its own origin alone; here it is this proxy that it talks to.
const signedIn = { target, changeOrigin: true, ws: true, headers: { origin: target, ...(token ? { authorization: `Bearer ${token}` } : {}) } };
const plain = { target, changeOrigin: true };

export default defineConfig({
  plugins: [react()],
  server: { proxy: { "/api": signedIn, "/v1": plain, "/auth": plain, "/errors": plain, "/readyz": plain } },
  build: {
    outDir: "dist/app",
    manifest: "manifest.json",
    target: "es2023",
    // The page's policy allows scripts and images from files alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // xterm.js is large, and is loaded with the first terminal.
    chunkSizeWarningLimit: 600,
  },
});
