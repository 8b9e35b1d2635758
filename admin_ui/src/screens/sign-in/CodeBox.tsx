/** The box for a code of an authenticator, or for a recovery code. */
import { Input, type InputRef } from 'antd'
import type { Ref } from 'react'
import { useTranslation } from 'react-i18next'
import { Labelled } from './Labelled'

interface CodeBoxProps {
  box: Ref<InputRef>
  value: string
  change: (value: string) => void
}

/** With its label above and what may be typed below. */
export function CodeBox({ box, value, change }: CodeBoxProps) {
  const { t } = useTranslation()
  return (
    <Labelled id="code" label={t('signIn.code')} mistake={null}>
      <Input
        id="code"
        ref={box}
        size="large"
        name="code"
        autoComplete="one-time-code"
        inputMode="text"
        maxLength={20}
        value={value}
        aria-describedby="code-help"
        onChange={(event) => change(event.target.value)}
      />
      <p className="wg-muted" id="code-help">
        {t('signIn.codeHelp')}
      </p>
    </Labelled>
  )
}
