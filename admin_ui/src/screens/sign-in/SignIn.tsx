/** The sign-in page: account and password, errors where they arise; nothing typed here is stored or stands in an address. */
import { Button, Input, type InputRef } from 'antd'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { AppearanceChoice, LanguageChoice } from '../../kit/Choices'
import { Brand } from '../../kit/Brand'
import { useTitle } from '../../kit/Page'
import { Notice } from '../../kit/States'
import { useCallerContext } from '../../schema/caller'
import { GridFigure } from './GridFigure'
import { sentenceFor } from './refusal'

interface Mistakes {
  account?: boolean
  password?: boolean
}

/** The page at /admin/sign-in; after success the shell leads on. */
export function SignIn({ ended }: { ended: boolean }) {
  const { t } = useTranslation()
  useTitle(t('signIn.title'))
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
          <h1>{t('signIn.title')}</h1>
          <p className="wg-muted">{t('signIn.lead')}</p>
          <SignInForm ended={ended} />
        </main>
      </div>
    </div>
  )
}

function SignInForm({ ended }: { ended: boolean }) {
  const { t } = useTranslation()
  const { signIn } = useCallerContext()
  const [account, setAccount] = useState('')
  const [password, setPassword] = useState('')
  const [mistakes, setMistakes] = useState<Mistakes>({})
  const [refusal, setRefusal] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const accountBox = useRef<InputRef>(null)
  const passwordBox = useRef<InputRef>(null)

  useEffect(() => accountBox.current?.focus(), [])

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (busy) return
    const missing: Mistakes = { account: account.trim() === '', password: password === '' }
    setMistakes(missing)
    setRefusal(null)
    if (missing.account) return accountBox.current?.focus()
    if (missing.password) return passwordBox.current?.focus()
    setBusy(true)
    try {
      await signIn(account.trim(), password)
    } catch (error) {
      setPassword('')
      setRefusal(error)
      setBusy(false)
      passwordBox.current?.focus()
    }
  }

  return (
    <form className="wg-form" method="post" noValidate onSubmit={(event) => void submit(event)}>
      {ended && refusal === null ? <Notice tone="warning">{t('signIn.ended')}</Notice> : null}
      {refusal === null ? null : (
        <Notice tone="danger" id="signin-refusal">
          {sentenceFor(refusal, t)}
        </Notice>
      )}
      <Labelled id="account" label={t('signIn.account')} mistake={mistakes.account ? t('signIn.accountMissing') : null}>
        <Input
          id="account"
          ref={accountBox}
          size="large"
          name="account"
          autoComplete="username"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          maxLength={128}
          value={account}
          status={mistakes.account ? 'error' : ''}
          aria-invalid={mistakes.account ?? false}
          aria-describedby={mistakes.account ? 'account-mistake' : undefined}
          onChange={(event) => setAccount(event.target.value)}
        />
      </Labelled>
      <Labelled id="password" label={t('signIn.password')} mistake={mistakes.password ? t('signIn.passwordMissing') : null}>
        <Input.Password
          id="password"
          ref={passwordBox}
          size="large"
          name="password"
          autoComplete="current-password"
          maxLength={1024}
          value={password}
          status={mistakes.password ? 'error' : ''}
          aria-invalid={mistakes.password ?? false}
          aria-describedby={mistakes.password ? 'password-mistake' : refusal ? 'signin-refusal' : undefined}
          onChange={(event) => setPassword(event.target.value)}
        />
      </Labelled>
      <Button type="primary" htmlType="submit" size="large" block disabled={busy} aria-busy={busy}>
        {busy ? t('signIn.submitting') : t('signIn.submit')}
      </Button>
    </form>
  )
}

interface LabelledProps {
  id: string
  label: string
  mistake: string | null
  children: React.ReactNode
}

function Labelled({ id, label, mistake, children }: LabelledProps) {
  return (
    <div className="wg-labelled">
      <label htmlFor={id}>{label}</label>
      {children}
      {mistake ? (
        <p className="wg-mistake" id={`${id}-mistake`} role="alert">
          {mistake}
        </p>
      ) : null}
    </div>
  )
}
