/** The records of a register, page by page: the columns are those that the caller's schema has. */
import type { Client } from '@urql/core'
import { namedType, type Register, type RootField } from './roots'
import { readType } from './select'

export interface Column {
  /** The field that is read; of a coded field the one with its label. */
  field: string
  label: string
  /** The GraphQL type of the values, e.g. `DateTime`. */
  type: string
}

export type Row = Record<string, string | number | boolean | null> & { id: string }

export interface Records {
  columns: Column[]
  rows: Row[]
  /** Where the next page begins; null on the last one. */
  next: string | null
}

const PAGE = 20
const COLUMNS = 8
const SHOWN = ['String', 'Int', 'Float', 'Decimal', 'Boolean', 'Date', 'DateTime']

/** The first described values of a record type; a code gives way to its label. */
export function columnsOf(fields: readonly RootField[]): Column[] {
  const names = new Set(fields.map((field) => field.name))
  return fields
    .filter((field) => field.description && isValue(field))
    .slice(0, COLUMNS)
    .map((field) => ({
      field: names.has(`${field.name}Label`) ? `${field.name}Label` : field.name,
      label: field.description ?? field.name,
      type: namedType(field.type),
    }))
}

function isValue(field: RootField): boolean {
  const type = field.type.kind === 'NON_NULL' ? field.type.ofType : field.type
  return type?.kind === 'ENUM' || (type?.kind === 'SCALAR' && SHOWN.includes(type.name ?? ''))
}

/** The page of a register that follows the cursor `after`; throws what the client reports. */
export async function readRecords(client: Client, register: Register, after: string | null): Promise<Records> {
  const columns = columnsOf((await readType(client, register.type.replace(/Connection$/, ''))) ?? [])
  const fields = ['id', ...columns.map((column) => column.field)].join(' ')
  const document = `query Records($first: Int, $after: String) {
    ${register.field}(first: $first, after: $after) { nodes { ${fields} } pageInfo { hasNextPage endCursor } }
  }`
  type Answer = Record<string, { nodes: Row[]; pageInfo: { hasNextPage: boolean; endCursor: string | null } }>
  const { data, error } = await client.query<Answer>(document, { first: PAGE, after }).toPromise()
  const found = data?.[register.field]
  if (error || !found) throw error ?? new Error('empty answer')
  return { columns, rows: found.nodes, next: found.pageInfo.hasNextPage ? found.pageInfo.endCursor : null }
}
