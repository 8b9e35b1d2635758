/** The menu, made from what the caller's schema offers. */
import { ApiOutlined, AppstoreOutlined, FileTextOutlined, TableOutlined } from '@ant-design/icons'
import { Input } from 'antd'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useRoute } from 'wouter'
import { usePreferences } from '../kit/preferences'
import { useCaller } from '../schema/caller'
import { filterRegisters } from './filter-registers'

/** From this many registers on a box helps to find one. */
const FIND_FROM = 10

/** Links only; `onLeave` is told when one was followed. */
export function Menu({ onLeave }: { onLeave: () => void }) {
  const { t } = useTranslation()
  const { language } = usePreferences()
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
        <PageLink href="/admin/graphiql/" icon={<ApiOutlined aria-hidden="true" />}>
          {t('shell.graphiql')}
        </PageLink>
        <PageLink href={`/api/docs?language=${language}`} icon={<FileTextOutlined aria-hidden="true" />}>
          {t('shell.interface')}
        </PageLink>
        <PageLink href={`/api/dictionary?language=${language}`} icon={<TableOutlined aria-hidden="true" />}>
          {t('shell.dictionary')}
        </PageLink>
      </ul>
    </nav>
  )
}

/** A page outside of the console. */
function PageLink({ href, icon, children }: { href: string; icon: ReactNode; children: ReactNode }) {
  return (
    <li>
      <a className="wg-menu-link" href={href}>
        {icon}
        <span>{children}</span>
      </a>
    </li>
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
