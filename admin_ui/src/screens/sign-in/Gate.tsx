/** The page before the console: figure, title and a form. */
import { type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { Brand } from '../../kit/Brand'
import { AppearanceChoice, LanguageChoice } from '../../kit/Choices'
import { useTitle } from '../../kit/Page'
import { GridFigure } from './GridFigure'

/** What all pages before the console share. */
export function Gate({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const { t } = useTranslation()
  useTitle(title)
  return (
    <div className="wg-signin">
      <aside className="wg-signin-figure">
        <GridFigure label={t('signIn.figure')} />
        <div className="wg-signin-claim">
          <p className="wg-signin-claim-title">{t('signIn.claim')}</p>
          <p>{t('signIn.claimDetail')}</p>
        </div>
      </aside>
      <div className="wg-signin-side">
        <header className="wg-signin-head">
          <Brand />
          <span className="wg-signin-choices">
            <LanguageChoice />
            <AppearanceChoice />
          </span>
        </header>
        <main className="wg-signin-main" id="main">
          <h1>{title}</h1>
          <p className="wg-muted">{lead}</p>
          {children}
        </main>
      </div>
    </div>
  )
}
