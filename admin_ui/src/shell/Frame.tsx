/** Header, menu and content around every page of a signed-in caller. */
import { type ReactNode, Suspense, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useLocation } from 'wouter'
import { Waiting } from '../kit/States'
import { Header } from './Header'
import { Menu } from './Menu'

/** The menu is a column, or opens over the page where the window is narrow. */
export function Frame({ children }: { children: ReactNode }) {
  const { t } = useTranslation()
  const [location] = useLocation()
  const [open, setOpen] = useState(false)
  useEffect(() => setOpen(false), [location])
  useEffect(() => {
    if (!open) return
    const close = (event: KeyboardEvent): void => {
      if (event.key === 'Escape') setOpen(false)
    }
    window.addEventListener('keydown', close)
    return () => window.removeEventListener('keydown', close)
  }, [open])
  return (
    <div className="wg-frame">
      <a className="wg-skip" href="#main">
        {t('common.skip')}
      </a>
      <Header menuOpen={open} onMenu={() => setOpen((before) => !before)} />
      <div className={open ? 'wg-side wg-side-open' : 'wg-side'} id="menu">
        <Menu onLeave={() => setOpen(false)} />
      </div>
      {open ? <div className="wg-veil" onClick={() => setOpen(false)} /> : null}
      <main id="main" className="wg-main" tabIndex={-1}>
        <Suspense fallback={<Waiting />}>{children}</Suspense>
      </main>
    </div>
  )
}
