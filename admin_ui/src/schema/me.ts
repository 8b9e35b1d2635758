/** Who the caller is: the root field `me`, as far as the caller's schema has it. */
import type { Client } from '@urql/core'
import { failureOf } from '../api/graphql'
import { select, type Wanted } from './select'

export interface Post {
  role: { id?: string; label?: string } | null
  unit: { id?: string; name?: string } | null
  area: { id?: string; name?: string; code?: string } | null
  validUntil?: string | null
}

export interface Me {
  account: { id?: string; name?: string } | null
  /** null when the schema does not tell. */
  posts: Post[] | null
}

const WANTED: Wanted = {
  account: { id: true, name: true },
  posts: {
    role: { id: true, label: true },
    unit: { id: true, name: true },
    area: { id: true, name: true, code: true },
    validUntil: true,
  },
}

const ALL = `query Me { me { account { id name } posts { role { id label } unit { id name } area { id name code } validUntil } } }`

type Answer = { me: Partial<Me> | null }

/** Asks for everything; where a part is missing in the caller's schema, asks again for what there is. */
export async function readMe(client: Client, typeName: string): Promise<Me> {
  const full = await client.query<Answer>(ALL, {}).toPromise()
  if (full.data?.me) return complete(full.data.me)
  if (full.error && failureOf(full.error).kind !== 'refused') throw full.error
  const selection = await select(client, typeName, WANTED)
  if (selection === null) return { account: null, posts: null }
  const part = await client.query<Answer>(`query Me { me ${selection} }`, {}).toPromise()
  return complete(part.data?.me ?? {})
}

function complete(me: Partial<Me>): Me {
  return { account: me.account ?? null, posts: me.posts ?? null }
}
