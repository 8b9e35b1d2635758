/** The own password: the present one, and the new one twice. */
import { Button, Input } from 'antd'
import { type FormEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { changePassword, type Session } from '../../api/session'
import { usePreferences } from '../../kit/preferences'
import { Notice } from '../../kit/States'
import { Labelled } from './Labelled'
import { sentenceFor } from './refusal'

const EMPTY = { current: '', next: '', again: '' }
type Box = keyof typeof EMPTY

/** Changes the password; `done` is called when the server has stored it; `quiet` where it stands among others. */
export function PasswordForm({ session, done, quiet }: { session: Session; done: () => void; quiet?: boolean }) {
  const { t } = useTranslation()
  const { language } = usePreferences()
  const [typed, setTyped] = useState(EMPTY)
  const [refusal, setRefusal] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)

  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault()
    if (busy) return
    if (typed.next !== typed.again) return setRefusal(t('pending.different'))
    setBusy(true)
    setRefusal(null)
    try {
      await changePassword(session, typed.current, typed.next, language)
      setTyped(EMPTY)
      done()
    } catch (error) {
      setRefusal(sentenceFor(error, t))
    }
    setBusy(false)
  }

  const box = (name: Box, autoComplete: string) => (
    <Labelled id={`password-${name}`} label={t(`pending.${name}`)} mistake={null}>
      <Input.Password
        id={`password-${name}`}
        size="large"
        autoComplete={autoComplete}
        maxLength={1024}
        value={typed[name]}
        onChange={(event) => setTyped({ ...typed, [name]: event.target.value })}
      />
    </Labelled>
  )
  return (
    <form className="wg-form" method="post" noValidate onSubmit={(event) => void submit(event)}>
      {refusal === null ? null : <Notice tone="danger">{refusal}</Notice>}
      {box('current', 'current-password')}
      {box('next', 'new-password')}
      {box('again', 'new-password')}
      <p className="wg-muted">{t('pending.rules')}</p>
      <Button type={quiet ? 'default' : 'primary'} htmlType="submit" size="large" block disabled={busy} aria-busy={busy}>
        {t('pending.change')}
      </Button>
    </form>
  )
}
