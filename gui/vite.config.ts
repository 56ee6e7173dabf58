import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Where `npm run dev` finds a node.
const NODE = process.env.POLYMATH_NODE ?? 'http://127.0.0.1:8080';
const API = ['/v1', '/health', '/ready', '/metrics', '/openapi.json'];

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2023',
    // An inlined file would be a `data:` address or a script in the page, which the page's policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    // How long each plugin took is nobody's business but a developer's.
    rolldownOptions: { checks: { pluginTimings: false } },
  },
  server: {
    // The node wants its own name as Host and takes no other site's Origin.
    proxy: Object.fromEntries(API.map((path) => [path, { target: NODE, changeOrigin: true, headers: { origin: NODE } }])),
  },
  test: { include: ['src/**/*.test.ts'] },
});
