/** GraphiQL for the signed-in account or for a token; without either the tool itself is not even loaded. */
import { Button, Input } from 'antd'
import { type FormEvent, lazy, Suspense, useCallback, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Credentials, type Failure, failureOf } from '../../api/graphql'
import { readSession, type Session } from '../../api/session'
import { Brand } from '../../kit/Brand'
import { AppearanceChoice, LanguageChoice } from '../../kit/Choices'
import { useTitle } from '../../kit/Page'
import { usePreferences } from '../../kit/preferences'
import { FullState, Notice, Waiting } from '../../kit/States'
import { useMode } from '../../kit/Surroundings'
import { Failed } from '../problem/Problems'
import { probeToken } from './query'

const Tool = lazy(() => import('./Tool').then((module) => ({ default: module.Tool })))

type SessionState = { state: 'checking' } | { state: 'known'; session: Session | null } | { state: 'failed'; failure: Failure }

/** The page at /admin/graphiql/, also shown by /graphql in a browser. */
export function GraphiqlPage() {
  const { t } = useTranslation()
  const { language, appearance } = usePreferences()
  const mode = useMode(appearance)
  const [session, recheck] = useSession()
  const [token, setToken] = useState<string | null>(null)
  const [asking, setAsking] = useState(false)
  useTitle(t('graphiql.title'))
  const account = session.state === 'known' ? session.session : null
  const credentials: Credentials | null = token !== null ? { token } : account !== null ? { csrf: account.csrf } : null
  return (
    <div className="wg-ide">
      <header className="wg-ide-head">
        <a href="/admin/" className="wg-header-brand" title={t('graphiql.console')}>
          <Brand />
          <span className="wg-unseen-text">{t('graphiql.console')}</span>
        </a>
        <p className="wg-scope">
          {token !== null ? t('graphiql.asToken') : account ? t('graphiql.asAccount', { account: account.account }) : null}
        </p>
        <div className="wg-header-tools">
          {token !== null ? (
            <Button size="small" onClick={() => setToken(null)}>
              {t('graphiql.useSession')}
            </Button>
          ) : account && !asking ? (
            <Button size="small" onClick={() => setAsking(true)}>
              {t('graphiql.useToken')}
            </Button>
          ) : null}
          <LanguageChoice />
          <AppearanceChoice />
        </div>
      </header>
      <main className="wg-ide-main" id="main">
        {session.state === 'checking' ? <Waiting /> : null}
        {session.state === 'failed' && token === null ? <Failed failure={session.failure} retry={recheck} /> : null}
        {session.state === 'known' && token === null && (asking || account === null) ? (
          <TokenSheet
            signedIn={account !== null}
            onBack={() => setAsking(false)}
            onToken={(given) => {
              setToken(given)
              setAsking(false)
            }}
          />
        ) : null}
        {credentials !== null && !asking ? (
          <Suspense fallback={<Waiting />}>
            <Tool key={`${credentials.token ?? credentials.csrf}`} credentials={credentials} language={language} mode={mode} />
          </Suspense>
        ) : null}
      </main>
    </div>
  )
}

function useSession(): [SessionState, () => void] {
  const [state, setState] = useState<SessionState>({ state: 'checking' })
  const check = useCallback(() => {
    readSession().then(
      (session) => setState({ state: 'known', session }),
      (error: unknown) => setState({ state: 'failed', failure: failureOf(error) }),
    )
  }, [])
  useEffect(check, [check])
  return [state, check]
}

function TokenSheet({ signedIn, onToken, onBack }: { signedIn: boolean; onToken: (token: string) => void; onBack: () => void }) {
  const { t } = useTranslation()
  return (
    <FullState
      title={signedIn ? t('graphiql.useToken') : t('graphiql.signInFirst')}
      help={t('graphiql.signInHelp')}
      action={
        <>
          {signedIn ? (
            <Button onClick={onBack}>{t('graphiql.useSession')}</Button>
          ) : (
            <Button type="primary" href="/admin/sign-in">
              {t('graphiql.signIn')}
            </Button>
          )}
          <TokenForm onToken={onToken} />
        </>
      }
    />
  )
}

function TokenForm({ onToken }: { onToken: (token: string) => void }) {
  const { t } = useTranslation()
  const { language } = usePreferences()
  const [value, setValue] = useState('')
  const [mistake, setMistake] = useState<'tokenMissing' | 'tokenRefused' | 'unreachable' | null>(null)
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    const token = value.trim()
    if (token === '') return setMistake('tokenMissing')
    const answer = await probeToken(token, language)
    if (answer === 'accepted') onToken(token)
    else setMistake(answer === 'refused' ? 'tokenRefused' : 'unreachable')
  }
  return (
    <form className="wg-token" method="post" noValidate autoComplete="off" onSubmit={(event) => void submit(event)}>
      <div className="wg-labelled">
        <label htmlFor="token">{t('graphiql.token')}</label>
        <Input
          id="token"
          className="wg-concealed"
          autoComplete="off"
          spellCheck={false}
          value={value}
          aria-invalid={mistake !== null}
          aria-describedby="token-help"
          onChange={(event) => setValue(event.target.value)}
        />
        <p id="token-help" className="wg-muted">
          {t('graphiql.tokenHelp')}
        </p>
      </div>
      {mistake ? <Notice tone="danger">{mistake === 'unreachable' ? t('problem.unreachable') : t(`graphiql.${mistake}`)}</Notice> : null}
      <Button htmlType="submit">{t('graphiql.open')}</Button>
    </form>
  )
}
