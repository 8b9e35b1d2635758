import type { Client } from '@urql/core'
import { expect, test } from 'vitest'
import { select } from './select'

const leaf = (name: string) => ({ name, description: null, args: [], type: { kind: 'SCALAR', name: 'String' } })
const nested = (name: string, type: string) => ({ ...leaf(name), type: { kind: 'NON_NULL', name: null, ofType: { kind: 'OBJECT', name: type } } })

/** A caller's schema as introspection shows it. */
const TYPES: Record<string, unknown[]> = {
  Me: [nested('account', 'Account'), nested('unit', 'Unit'), leaf('secret')],
  Account: [leaf('id'), leaf('name')],
  Unit: [leaf('code')],
}

const client = {
  query: (_: string, { name }: { name: string }) => ({
    toPromise: async () => ({ data: { __type: TYPES[name] ? { fields: TYPES[name] } : null } }),
  }),
} as unknown as Client

test('a selection keeps what the caller may see, in the order of the schema', async () => {
  expect(await select(client, 'Me', { unit: { code: true, name: true }, account: { name: true } })).toBe(
    '{ account { name } unit { code } }',
  )
})

test('a nested type of which nothing is left goes with it', async () => {
  expect(await select(client, 'Me', { account: { phone: true }, secret: true })).toBe('{ secret }')
})

test('an unknown type selects nothing', async () => {
  expect(await select(client, 'Ledger', { id: true })).toBeNull()
})
