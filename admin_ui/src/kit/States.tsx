/** The states between the contents: waiting, empty, failed. */
import { type ReactNode, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'

/** Skeleton lines, shown only when the wait is longer than 150 ms. */
export function Waiting({ lines = 4 }: { lines?: number }) {
  const { t } = useTranslation()
  const late = useLate(150)
  return (
    <div className="wg-waiting" role="status" aria-label={t('common.loading')}>
      {late ? Array.from({ length: lines }, (_, index) => <span key={index} className="wg-bone" />) : null}
    </div>
  )
}

/** A short bone in the place of one value. */
export function WaitingValue() {
  const late = useLate(150)
  return <span className={late ? 'wg-bone wg-bone-value' : 'wg-bone-value'} aria-hidden="true" />
}

function useLate(ms: number): boolean {
  const [late, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), ms)
    return () => clearTimeout(timer)
  }, [ms])
  return late
}

/** Says what belongs here and how to begin. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="wg-empty">
      <svg className="wg-empty-figure" viewBox="0 0 64 40" aria-hidden="true">
        <path d="M1 1h19v17H1zM22 1h19v17H22zM43 1h20v17H43zM1 20h19v19H1zM22 20h19v19H22z" />
        <path className="wg-empty-gap" d="M43 20h20v19H43z" />
      </svg>
      <p className="wg-empty-title">{title}</p>
      {children ? <p className="wg-empty-help">{children}</p> : null}
    </div>
  )
}

/** An error at the place where it arose. */
export function Notice({ tone, children, id }: { tone: 'danger' | 'warning'; children: ReactNode; id?: string }) {
  return (
    <div className={`wg-notice wg-notice-${tone}`} role="alert" id={id}>
      {children}
    </div>
  )
}

/** A state that fills the page, with what to do. */
export function FullState({ title, help, action, detail }: { title: string; help: string; action?: ReactNode; detail?: string }) {
  const { t } = useTranslation()
  return (
    <div className="wg-full">
      <h1>{title}</h1>
      <p className="wg-full-help">{help}</p>
      {action ? <div className="wg-full-action">{action}</div> : null}
      {detail ? (
        <details className="wg-full-detail">
          <summary>{t('common.details')}</summary>
          <pre>{detail}</pre>
        </details>
      ) : null}
    </div>
  )
}
