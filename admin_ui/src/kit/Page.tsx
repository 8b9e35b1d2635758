/** The frame of a page's content: title, what stands beside it, and panels below. */
import { type ReactNode, useEffect, useId, useRef } from 'react'
import { useTranslation } from 'react-i18next'

/** A page with its title; the title names the tab, and takes the focus when one arrives by the menu. */
export function Page({ title, lead, action, children }: { title: string; lead?: ReactNode; action?: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useTitle(title)
  useEffect(() => {
    if (document.activeElement !== document.body) heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <div className="wg-page">
      <div className="wg-page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {lead ? <p className="wg-page-lead">{lead}</p> : null}
        </div>
        {action ? <div className="wg-page-action">{action}</div> : null}
      </div>
      {children}
    </div>
  )
}

/** A panel with a heading; `aside` stands at the right of the heading. */
export function Panel({ title, aside, children }: { title: string; aside?: ReactNode; children: ReactNode }) {
  const id = useId()
  return (
    <section className="wg-panel" aria-labelledby={id}>
      <div className="wg-panel-head">
        <h2 id={id}>{title}</h2>
        {aside ? <span className="wg-panel-aside">{aside}</span> : null}
      </div>
      {children}
    </section>
  )
}

/** The tab's title: the page, then the product. */
export function useTitle(title: string): void {
  const { t } = useTranslation()
  const name = t('brand.name')
  useEffect(() => {
    document.title = `${title} - ${name}`
  }, [title, name])
}
