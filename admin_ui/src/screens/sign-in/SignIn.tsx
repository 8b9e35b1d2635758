/** The sign-in page: account and password, errors where they arise; nothing typed here is stored or stands in an address. */
import { Button, Input, type InputRef } from 'antd'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { type Provider, readProvider } from '../../api/session'
import { usePreferences } from '../../kit/preferences'
import { Notice } from '../../kit/States'
import { useCallerContext } from '../../schema/caller'
import { CodeBox } from './CodeBox'
import { Gate } from './Gate'
import { Labelled } from './Labelled'
import { asksForCode, sentenceFor } from './refusal'
import { ProviderButton, ProviderCode, ProviderRefusal } from './ThroughProvider'

interface Mistakes {
  account?: boolean
  password?: boolean
}

const NONE: Provider = { provider: null, stage: null }

/** The page at /admin/sign-in; after success the shell leads on. */
export function SignIn({ ended }: { ended: boolean }) {
  const { t } = useTranslation()
  const { language } = usePreferences()
  const [found, setFound] = useState<Provider>(NONE)
  const [leftCode, setLeftCode] = useState(false)
  useEffect(() => {
    let stale = false
    readProvider(language).then(
      (provider) => !stale && setFound(provider),
      () => undefined, // the password is offered in any case
    )
    return () => {
      stale = true
    }
  }, [language])
  if (found.stage === 'code' && !leftCode) {
    return (
      <Gate title={t('signIn.codeTitle')} lead={t('signIn.codeLead')}>
        <ProviderCode again={() => setLeftCode(true)} />
      </Gate>
    )
  }
  return (
    <Gate title={t('signIn.title')} lead={t('signIn.lead')}>
      <div className="wg-form">
        <ProviderRefusal provider={found} />
        <SignInForm ended={ended} />
        {found.provider === null ? null : <ProviderButton provider={found.provider} />}
      </div>
    </Gate>
  )
}

function SignInForm({ ended }: { ended: boolean }) {
  const { t } = useTranslation()
  const { signIn } = useCallerContext()
  const [account, setAccount] = useState('')
  const [password, setPassword] = useState('')
  const [code, setCode] = useState<string | null>(null)
  const [mistakes, setMistakes] = useState<Mistakes>({})
  const [refusal, setRefusal] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const accountBox = useRef<InputRef>(null)
  const passwordBox = useRef<InputRef>(null)
  const codeBox = useRef<InputRef>(null)

  useEffect(() => accountBox.current?.focus(), [])
  useEffect(() => {
    if (code === '') codeBox.current?.focus()
  }, [code])

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
      await signIn(account.trim(), password, code?.trim() || undefined)
    } catch (error) {
      if (asksForCode(error)) {
        setRefusal(code === null ? null : error)
        setCode('')
        setBusy(false)
        return
      }
      setCode(null)
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
      {code === null ? null : <CodeBox box={codeBox} value={code} change={setCode} />}
      <Button type="primary" htmlType="submit" size="large" block disabled={busy} aria-busy={busy}>
        {busy ? t('signIn.submitting') : t('signIn.submit')}
      </Button>
    </form>
  )
}
