/** Reads single types of the caller's schema and cuts a wanted selection down to what they offer. */
import type { Client } from '@urql/core'
import { namedType, type RootField } from './roots'

/** Fields that are wanted: true for a leaf, an object for a nested selection. */
export interface Wanted {
  [field: string]: true | Wanted
}

export type Field = RootField

const TYPE = /* GraphQL */ `
  query Type($name: String!) {
    __type(name: $name) {
      fields {
        name
        description
        args { name defaultValue type { kind } }
        type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
      }
    }
  }
`

/** The fields of a type, or null when the caller's schema does not know it. */
export async function readType(client: Client, name: string): Promise<Field[] | null> {
  const { data, error } = await client.query<{ __type: { fields: Field[] | null } | null }>(TYPE, { name }).toPromise()
  if (error) throw error
  return data?.__type?.fields ?? null
}

/** The part of `wanted` that the type has, as GraphQL text; null when nothing is left. */
export async function select(client: Client, typeName: string, wanted: Wanted): Promise<string | null> {
  const fields = await readType(client, typeName)
  const parts: string[] = []
  for (const field of fields ?? []) {
    const want = wanted[field.name]
    if (want === undefined) continue
    if (want === true) parts.push(field.name)
    else {
      const inner = await select(client, namedType(field.type), want)
      if (inner !== null) parts.push(`${field.name} ${inner}`)
    }
  }
  return parts.length > 0 ? `{ ${parts.join(' ')} }` : null
}
