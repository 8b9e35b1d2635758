/** The registers that the caller may list, each with the number of its rows. */
import { useTranslation } from 'react-i18next'
import { Link } from 'wouter'
import { formatCount } from '../../kit/format'
import { Empty, WaitingValue } from '../../kit/States'
import type { Count } from '../../schema/counts'
import type { Register } from '../../schema/roots'

type Counts = Map<string, Count | null> | 'waiting' | 'failed'

/** One line per register, in as many columns as fit. */
export function RegisterList({ registers, counts }: { registers: readonly Register[]; counts: Counts }) {
  const { t } = useTranslation()
  if (registers.length === 0) return <Empty title={t('workbench.noRegisters')}>{t('workbench.noRegistersHelp')}</Empty>
  return (
    <ul className="wg-registers">
      {registers.map((register) => (
        <li key={register.field}>
          <Link href={`/registers/${register.field}`} className="wg-register">
            <span className="wg-register-name">{register.label}</span>
            <RegisterCount counts={counts} field={register.field} />
          </Link>
        </li>
      ))}
    </ul>
  )
}

function RegisterCount({ counts, field }: { counts: Counts; field: string }) {
  const { t } = useTranslation()
  if (counts === 'waiting') return <WaitingValue />
  const count = counts === 'failed' ? null : (counts.get(field) ?? null)
  if (count === null) return <span className="wg-register-none">{t('workbench.countUnknown')}</span>
  return (
    <span className={count.value === 0 ? 'wg-register-zero' : 'wg-register-count'}>
      {t('workbench.records', { value: formatCount(count), count: count.value })}
    </span>
  )
}
