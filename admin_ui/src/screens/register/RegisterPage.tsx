/** One register as a table, twenty records a page, in the order of the server. */
import { Button } from 'antd'
import { useCallback, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useParams } from 'wouter'
import { formatMoment } from '../../kit/format'
import { Page, Panel, useTitle } from '../../kit/Page'
import { Empty, FullState, Notice, Waiting } from '../../kit/States'
import { useCaller, useLoad } from '../../schema/caller'
import { type Column, readRecords, type Records, type Row } from '../../schema/records'
import type { Register } from '../../schema/roots'

/** The page at /admin/registers/<root field>. */
export function RegisterPage() {
  const { field } = useParams<{ field: string }>()
  const register = useCaller().registers.find((each) => each.field === field)
  return register ? <RegisterTable key={field} register={register} /> : <Unknown />
}

function Unknown() {
  const { t } = useTranslation()
  useTitle(t('register.unknown'))
  return <FullState title={t('register.unknown')} help={t('register.unknownHelp')} />
}

function RegisterTable({ register }: { register: Register }) {
  const { t } = useTranslation()
  const [cursors, setCursors] = useState<readonly (string | null)[]>([null])
  const after = cursors.at(-1) ?? null
  const read = useCallback((client: Parameters<typeof readRecords>[0]) => readRecords(client, register, after), [register, after])
  const load = useLoad(read)
  const empty = load.state === 'ready' && cursors.length === 1 && load.value.rows.length === 0
  const next = load.state === 'ready' ? load.value.next : null
  return (
    <Page title={register.label}>
      <Panel title={empty ? register.label : t('register.page', { page: cursors.length })}>
        {load.state === 'waiting' ? <Waiting lines={8} /> : null}
        {load.state === 'failed' ? (
          <Notice tone="danger">
            {t(load.failure.kind === 'unreachable' ? 'problem.unreachable' : 'register.failed')}
            <Button size="small" onClick={load.reload}>
              {t('common.retry')}
            </Button>
          </Notice>
        ) : null}
        {load.state === 'ready' ? <Table label={register.label} records={load.value} /> : null}
      </Panel>
      {cursors.length > 1 || next !== null ? (
        <div className="wg-page-action">
          <Button disabled={cursors.length === 1} onClick={() => setCursors(cursors.slice(0, -1))}>
            {t('register.previous')}
          </Button>
          <Button disabled={next === null} onClick={() => setCursors([...cursors, next])}>
            {t('register.next')}
          </Button>
        </div>
      ) : null}
    </Page>
  )
}

function Table({ label, records }: { label: string; records: Records }) {
  const { t } = useTranslation()
  if (records.rows.length === 0) return <Empty title={t('register.none')}>{t('register.noneHelp')}</Empty>
  return (
    <div className="wg-scroll" tabIndex={0} role="group" aria-label={label}>
      <table className="wg-table wg-table-records">
        <thead>
          <tr>
            {records.columns.map((column) => (
              <th key={column.field} scope="col">
                {column.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {records.rows.map((row) => (
            <tr key={row.id}>
              {records.columns.map((column) => (
                <td key={column.field}>
                  <Value value={row[column.field] ?? null} column={column} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Value({ value, column }: { value: Row[string] | null; column: Column }) {
  const { t } = useTranslation()
  if (value === null || value === '') return <span className="wg-muted">-</span>
  if (typeof value === 'boolean') return t(value ? 'register.yes' : 'register.no')
  return column.type === 'DateTime' ? <span className="wg-figures">{formatMoment(String(value))}</span> : String(value)
}
