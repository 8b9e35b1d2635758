/** What the caller's schema offers at its root: introspection shows only what the Scope allows. */
import type { Client } from '@urql/core'

const CONNECTION = 'Connection'

interface TypeRef {
  kind: string
  name: string | null
  ofType?: TypeRef | null
}

export interface RootField {
  name: string
  description: string | null
  type: TypeRef
  args: { name: string; defaultValue: string | null; type: { kind: string } }[]
}

/** A connection that the caller may list: one register of the console. */
export interface Register {
  /** The root field, e.g. `persons`. */
  field: string
  /** The field's description in the caller's language, else the name in words. */
  label: string
  /** The connection type, e.g. `PersonConnection`. */
  type: string
}

export const ROOTS = /* GraphQL */ `
  query Roots {
    __schema {
      queryType {
        fields {
          name
          description
          args { name defaultValue type { kind } }
          type { kind name ofType { kind name ofType { kind name } } }
        }
      }
    }
  }
`

/** The root fields of the caller's Query type; throws what the client reports. */
export async function readRoots(client: Client): Promise<RootField[]> {
  const { data, error } = await client
    .query<{ __schema: { queryType: { fields: RootField[] } } }>(ROOTS, {})
    .toPromise()
  if (error || !data) throw error ?? new Error('empty answer')
  return data.__schema.queryType.fields
}

/** The innermost name of a wrapped type: `[Person!]!` is Person. */
export function namedType(type: TypeRef): string {
  let inner: TypeRef = type
  while (inner.ofType) inner = inner.ofType
  return inner.name ?? ''
}

/** The connections among the root fields that need no argument, in the schema's order. */
export function registersOf(fields: readonly RootField[]): Register[] {
  return fields
    .filter((field) => namedType(field.type).endsWith(CONNECTION) && !field.args.some(isRequired))
    .map((field) => ({ field: field.name, label: labelOf(described(field, fields)), type: namedType(field.type) }))
}

/** A connection without a description is called what its single record is called: `areas` as `area`. */
function described(connection: RootField, fields: readonly RootField[]): Pick<RootField, 'name' | 'description'> {
  const record = namedType(connection.type).slice(0, -CONNECTION.length)
  const single = fields.find((field) => namedType(field.type) === record)
  return { name: connection.name, description: connection.description ?? single?.description ?? null }
}

function isRequired(arg: RootField['args'][number]): boolean {
  return arg.type.kind === 'NON_NULL' && arg.defaultValue === null
}

/** The first line of a description without its full stop; without one the name in words: `personPhones`, "Person phones". */
export function labelOf(field: { name: string; description: string | null }): string {
  const line = (field.description ?? '').trim().split('\n')[0]?.replace(/[.。]$/, '').trim()
  if (line) return line
  const words = field.name.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
