// Two pages from one build, so that they share their chunks: the console (/admin/) and GraphiQL (/admin/graphiql/).
// Everything lands in the package's git-ignored static folder, from where the core serves it.
import react from '@vitejs/plugin-react'
import type { Plugin } from 'vite'
import { defineConfig } from 'vitest/config'

const CORE = process.env['WANGGE_URL'] ?? 'http://127.0.0.1:8000'

/** GraphiQL's style sheet carries its fonts as data: addresses, which `font-src 'self'` forbids: they become files. */
function fontsAsFiles(): Plugin {
  return {
    name: 'fonts-as-files',
    generateBundle(_, bundle) {
      for (const item of Object.values(bundle)) {
        if (item.type !== 'asset' || !item.fileName.endsWith('.css')) continue
        const text = typeof item.source === 'string' ? item.source : new TextDecoder().decode(item.source)
        item.source = text.replace(/data:font\/(\w+);[^,)]*base64,([\w+/=]+)/g, (_whole, kind: string, data: string) => {
          const file = this.emitFile({ type: 'asset', name: `font.${kind}`, source: Buffer.from(data, 'base64') })
          return `/admin/${this.getFileName(file)}`
        })
      }
    },
  }
}

export default defineConfig({
  base: '/admin/',
  plugins: [react(), fontsAsFiles()],
  build: {
    outDir: '../core/wangge/static',
    emptyOutDir: true,
    target: 'chrome109',
    cssTarget: 'chrome109',
    // Nothing as a data: address: scripts, styles and fonts must pass `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      input: { console: 'index.html', graphiql: 'graphiql/index.html' },
      onwarn: (warning, warn) => {
        // GraphiQL's packages carry hints for the React compiler, which mean nothing to a bundle.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') warn(warning)
      },
    },
  },
  server: {
    proxy: { '/graphql': CORE, '/session': CORE, '/healthz': CORE, '/readyz': CORE },
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
})
