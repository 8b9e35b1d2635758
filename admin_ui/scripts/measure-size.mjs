// KB (gzip) that a browser loads before each page of the build shows something; run after `npm run build`.
import { readFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { gzipSync } from 'node:zlib'

const built = resolve(import.meta.dirname, '..', '..', 'core', 'wangge', 'static')

for (const page of ['index.html', 'graphiql/index.html']) {
  const files = firstFiles(page)
  const bytes = [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(built, file))).length, 0)
  console.log(`${page}: ${Math.round(bytes / 1024)} KB in ${files.size} files`)
}

/** The page's scripts and styles with all that they import statically. */
function firstFiles(page) {
  const html = readFileSync(join(built, page), 'utf8')
  const found = new Set()
  const waiting = [...html.matchAll(/(?:src|href)="\/admin\/(assets\/[^"]+)"/g)].map(([, file]) => file)
  while (waiting.length > 0) {
    const file = waiting.pop()
    if (found.has(file)) continue
    found.add(file)
    if (!file.endsWith('.js')) continue
    const text = readFileSync(join(built, file), 'utf8')
    for (const [, path] of text.matchAll(/(?:from|import)\s*["'](\.\/[^"']+)["']/g)) waiting.push(posix.join(dirname(file), path))
  }
  return found
}
