// The rooms of the console: a file imports only from its own room and the rooms before it, and only src/api talks to the network.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'

const ROOMS = ['api', 'schema', 'kit', 'fields', 'screens', 'shell']
// Kinds of fields and screens do not know each other; what the problem pages say is for all screens.
const SEPARATE = ['fields', 'screens']
const SHARED = ['screens/problem']
const NETWORK = /(?<![\w.'"`])(fetch\s*\(|new\s+(XMLHttpRequest|WebSocket|EventSource)\b|navigator\.sendBeacon)/
const IMPORTS = /(?:\bfrom\s*|\bimport\s*\(?\s*)['"](\.{1,2}\/[^'"]+)['"]/g

const source = resolve(import.meta.dirname, '..', 'src')
const mistakes = readdirSync(source, { recursive: true })
  .filter((name) => /\.tsx?$/.test(name))
  .flatMap((name) => [...misplacedImports(name), ...networkUses(name)])

for (const mistake of mistakes) console.error(mistake)
process.exitCode = mistakes.length > 0 ? 1 : 0

function misplacedImports(name) {
  const text = readFileSync(join(source, name), 'utf8')
  return [...text.matchAll(IMPORTS)]
    .map(([, path]) => relative(source, resolve(source, dirname(name), path)))
    .filter((target) => !mayImport(name, target))
    .map((target) => `src/${name}: imports ${target}; the order is ${ROOMS.join(' < ')}, and screens do not import each other`)
}

function mayImport(from, to) {
  const [room, inner] = from.split(sep)
  const [target, targetInner] = to.split(sep)
  if (!ROOMS.includes(room) || !ROOMS.includes(target)) return false
  if (room !== target) return ROOMS.indexOf(target) < ROOMS.indexOf(room)
  return !SEPARATE.includes(room) || inner === targetInner || SHARED.includes(`${target}/${targetInner}`)
}

function networkUses(name) {
  if (name.split(sep)[0] === 'api') return []
  const lines = readFileSync(join(source, name), 'utf8').split('\n')
  return lines.flatMap((line, index) =>
    NETWORK.test(line) ? [`src/${name}:${index + 1}: talks to the network; call send of src/api/http.ts`] : [],
  )
}
