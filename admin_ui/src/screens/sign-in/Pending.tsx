/** What must be done after signing in and before anything else: change a first password, add a second factor. */
import { Button } from 'antd'
import { useTranslation } from 'react-i18next'
import type { Session } from '../../api/session'
import { useCallerContext } from '../../schema/caller'
import { FactorForm } from './FactorForm'
import { Gate } from './Gate'
import { PasswordForm } from './PasswordForm'

/** The page in the place of the console until it is done. */
export function Pending({ session }: { session: Session }) {
  const { t } = useTranslation()
  const { recheck, signOut } = useCallerContext()
  const first = session.pending === 'password'
  return (
    <Gate title={t(first ? 'pending.password' : 'pending.factor')} lead={t(first ? 'pending.passwordLead' : 'pending.factorLead')}>
      {first ? <PasswordForm session={session} done={recheck} /> : <FactorForm session={session} done={recheck} />}
      <Button className="wg-after-form" block onClick={() => void signOut().catch(recheck)}>
        {t('shell.signOut')}
      </Button>
    </Gate>
  )
}
