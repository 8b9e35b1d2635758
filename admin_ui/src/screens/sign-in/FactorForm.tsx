/** The second factor: the password gives a secret for an authenticator, a code confirms it, recovery codes are shown once. */
import { Button, Input } from 'antd'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { beginSecondFactor, confirmSecondFactor, type Session } from '../../api/session'
import { usePreferences } from '../../kit/preferences'
import { Notice } from '../../kit/States'
import { Labelled } from './Labelled'
import { sentenceFor } from './refusal'

/** Adds a second factor; `done` is called when the recovery codes were seen; `quiet` where it stands among others. */
export function FactorForm({ session, done, quiet }: { session: Session; done: () => void; quiet?: boolean }) {
  const { t } = useTranslation()
  const { language } = usePreferences()
  const [typed, setTyped] = useState('')
  const [secret, setSecret] = useState<{ secret: string; uri: string } | null>(null)
  const [codes, setCodes] = useState<string[] | null>(null)
  const [refusal, setRefusal] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (busy) return
    setBusy(true)
    setRefusal(null)
    try {
      if (secret === null) setSecret(await beginSecondFactor(session, typed, language))
      else setCodes(await confirmSecondFactor(session, typed.trim(), language))
    } catch (error) {
      setRefusal(sentenceFor(error, t))
    }
    setTyped('')
    setBusy(false)
  }

  if (codes !== null) {
    return (
      <div className="wg-form">
        <p>{t('pending.recovery')}</p>
        <pre className="wg-codes">{codes.join('\n')}</pre>
        <Button type={quiet ? 'default' : 'primary'} size="large" block onClick={done}>
          {t('pending.kept')}
        </Button>
      </div>
    )
  }
  return (
    <form className="wg-form" method="post" noValidate onSubmit={(event) => void submit(event)}>
      {refusal === null ? null : <Notice tone="danger">{refusal}</Notice>}
      {secret === null && !session.password ? <p>{t('pending.begin')}</p> : null}
      {secret === null && !session.password ? null : secret === null ? (
        <Labelled id="factor-password" label={t('signIn.password')} mistake={null}>
          <Input.Password
            id="factor-password"
            size="large"
            autoComplete="current-password"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </Labelled>
      ) : (
        <>
          <p>{t('pending.enter')}</p>
          <pre className="wg-codes" id="factor-secret">
            {secret.secret}
          </pre>
          <p>
            <a className="wg-link" href={secret.uri}>{t('pending.open')}</a>
          </p>
          <Labelled id="factor-code" label={t('signIn.code')} mistake={null}>
            <Input
              id="factor-code"
              size="large"
              autoComplete="one-time-code"
              maxLength={20}
              value={typed}
              onChange={(event) => setTyped(event.target.value)}
            />
          </Labelled>
        </>
      )}
      <Button type={quiet ? 'default' : 'primary'} htmlType="submit" size="large" block disabled={busy} aria-busy={busy}>
        {t('pending.continue')}
      </Button>
    </form>
  )
}
