/** The menu, made from what the caller's schema offers. */
import { ApiOutlined, AppstoreOutlined } from '@ant-design/icons'
import { Input } from 'antd'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useRoute } from 'wouter'
import { useCaller } from '../schema/caller'
import { filterRegisters } from './filter-registers'

/** From this many registers on a box helps to find one. */
const FIND_FROM = 10

/** Links only; `onLeave` is told when one was followed. */
export function Menu({ onLeave }: { onLeave: () => void }) {
  const { t } = useTranslation()
  const { registers } = useCaller()
  const [wanted, setWanted] = useState('')
  const found = filterRegisters(registers, wanted)
  return (
    <nav className="wg-menu" aria-label={t('shell.menu')}>
      <ul>
        <MenuLink href="/" icon={<AppstoreOutlined aria-hidden="true" />} onLeave={onLeave}>
          {t('shell.workbench')}
        </MenuLink>
      </ul>
      {registers.length > 0 ? (
        <>
          <h2 className="wg-menu-group">{t('shell.registers')}</h2>
          {registers.length >= FIND_FROM ? (
            <div className="wg-menu-find">
              <Input
                size="small"
                allowClear
                type="search"
                autoComplete="off"
                aria-label={t('shell.findRegister')}
                placeholder={t('shell.findRegister')}
                value={wanted}
                onChange={(event) => setWanted(event.target.value)}
              />
            </div>
          ) : null}
          {found.length === 0 ? <p className="wg-menu-none">{t('shell.noSuchRegister')}</p> : null}
          <ul>
            {found.map((register) => (
              <MenuLink key={register.field} href={`/registers/${register.field}`} onLeave={onLeave}>
                {register.label}
              </MenuLink>
            ))}
          </ul>
        </>
      ) : null}
      <h2 className="wg-menu-group">{t('shell.developers')}</h2>
      <ul>
        <li>
          <a className="wg-menu-link" href="/admin/graphiql/">
            <ApiOutlined aria-hidden="true" />
            <span>{t('shell.graphiql')}</span>
          </a>
        </li>
      </ul>
    </nav>
  )
}

function MenuLink({ href, icon, onLeave, children }: { href: string; icon?: ReactNode; onLeave: () => void; children: ReactNode }) {
  const [here] = useRoute(href)
  return (
    <li>
      <Link href={href} className="wg-menu-link" aria-current={here ? 'page' : undefined} onClick={onLeave}>
        {icon}
        <span>{children}</span>
      </Link>
    </li>
  )
}
