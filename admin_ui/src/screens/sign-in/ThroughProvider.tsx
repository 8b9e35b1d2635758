/** Signing in through the identity provider: a button, a code where there is a second factor, and what was refused. */
import { Button, type InputRef } from 'antd'
import { type FormEvent, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useSearch } from 'wouter'
import { beginAtProvider, finishAtProvider, type Provider } from '../../api/session'
import { usePreferences } from '../../kit/preferences'
import { Notice } from '../../kit/States'
import { useCallerContext } from '../../schema/caller'
import { CodeBox } from './CodeBox'
import { keepSearch } from './kept-search'
import { sentenceFor } from './refusal'

/** What the last sign-in through the provider came to, above the form. */
export function ProviderRefusal({ provider }: { provider: Provider }) {
  const { t } = useTranslation()
  const notBegun = new URLSearchParams(useSearch()).get('provider') === 'not-begun'
  if (provider.stage === 'refused') {
    return (
      <Notice tone={provider.code === 'oidc.unknown' ? 'warning' : 'danger'}>
        <span>{provider.message}</span>
        {provider.subject ? (
          <code className="wg-subject" id="subject">
            {provider.subject}
          </code>
        ) : null}
      </Notice>
    )
  }
  return notBegun ? <Notice tone="warning">{t('signIn.notBegun')}</Notice> : null
}

/** The button that leads to the provider. */
export function ProviderButton({ provider }: { provider: NonNullable<Provider['provider']> }) {
  const { t } = useTranslation()
  const { language } = usePreferences()
  const search = useSearch()
  const [refusal, setRefusal] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const go = async (): Promise<void> => {
    setBusy(true)
    setRefusal(null)
    try {
      const address = await beginAtProvider(language)
      keepSearch(search)
      window.location.assign(address)
    } catch (error) {
      setRefusal(error)
      setBusy(false)
    }
  }
  return (
    <div className="wg-form">
      <p className="wg-or">
        <span>{t('signIn.or')}</span>
      </p>
      {refusal === null ? null : <Notice tone="danger">{sentenceFor(refusal, t)}</Notice>}
      <Button id="through-provider" size="large" block disabled={busy} aria-busy={busy} onClick={() => void go()}>
        {t('signIn.through', { provider: language === 'en' ? provider.en : provider.zh })}
      </Button>
    </div>
  )
}

/** The code of the second factor, after the provider. */
export function ProviderCode({ again }: { again: () => void }) {
  const { t } = useTranslation()
  const { language } = usePreferences()
  const { recheck } = useCallerContext()
  const [code, setCode] = useState('')
  const [refusal, setRefusal] = useState<unknown>(null)
  const [busy, setBusy] = useState(false)
  const box = useRef<InputRef>(null)
  useEffect(() => box.current?.focus(), [])
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (busy || code.trim() === '') return box.current?.focus()
    setBusy(true)
    setRefusal(null)
    try {
      await finishAtProvider(code.trim(), language)
      recheck()
    } catch (error) {
      setRefusal(error)
      setCode('')
      setBusy(false)
      box.current?.focus()
    }
  }
  return (
    <form className="wg-form" method="post" noValidate onSubmit={(event) => void submit(event)}>
      {refusal === null ? null : <Notice tone="danger">{sentenceFor(refusal, t)}</Notice>}
      <CodeBox box={box} value={code} change={setCode} />
      <Button type="primary" htmlType="submit" size="large" block disabled={busy} aria-busy={busy}>
        {busy ? t('signIn.submitting') : t('signIn.submit')}
      </Button>
      <Button block onClick={again}>
        {t('signIn.otherWay')}
      </Button>
    </form>
  )
}
