/** The bar on top: the product, where the caller works, language, appearance, account. */
import { MenuOutlined, UserOutlined } from '@ant-design/icons'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Link, useLocation } from 'wouter'
import { Brand } from '../kit/Brand'
import { AppearanceChoice, LanguageChoice, MenuButton } from '../kit/Choices'
import { useCaller, useCallerContext } from '../schema/caller'
import type { Me } from '../schema/me'

/** `onMenu` opens the menu where the window is too narrow to show it. */
export function Header({ onMenu, menuOpen }: { onMenu: () => void; menuOpen: boolean }) {
  const { t } = useTranslation()
  const { me } = useCaller()
  return (
    <header className="wg-header">
      <button
        type="button"
        className="wg-quiet wg-narrow"
        aria-label={t(menuOpen ? 'shell.closeMenu' : 'shell.openMenu')}
        aria-expanded={menuOpen}
        aria-controls="menu"
        onClick={onMenu}
      >
        <MenuOutlined aria-hidden="true" />
      </button>
      <Link href="/" className="wg-header-brand">
        <Brand />
        <span className="wg-unseen-text">{t('shell.workbench')}</span>
      </Link>
      <ScopeLine posts={me.posts} />
      <div className="wg-header-tools">
        <LanguageChoice />
        <AppearanceChoice />
        <AccountMenu />
      </div>
    </header>
  )
}

/** District and unit of the first post; the others are counted. */
function ScopeLine({ posts }: { posts: Me['posts'] }) {
  const { t } = useTranslation()
  if (posts === null) return <span className="wg-scope" />
  const first = posts[0]
  const parts = first ? [first.area?.name, first.unit?.name].filter(Boolean) : [t('shell.noPost')]
  return (
    <p className="wg-scope" title={parts.join(' · ')}>
      <span className="wg-unseen-text">{t('shell.scope')}</span>
      {parts.map((part, index) => (
        <span key={index} className={index === 0 ? 'wg-scope-first' : 'wg-scope-next'}>
          {part}
        </span>
      ))}
      {posts.length > 1 ? <span className="wg-muted">{t('shell.morePosts', { count: posts.length - 1 })}</span> : null}
    </p>
  )
}

function AccountMenu() {
  const { t } = useTranslation()
  const { me, session } = useCaller()
  const { signOut } = useCallerContext()
  const [failed, setFailed] = useState(false)
  const [, go] = useLocation()
  const name = me.account?.name ?? session.account
  return (
    <span className="wg-account">
      <MenuButton
        label={`${t('shell.account')} ${name}`}
        items={[
          { key: 'sign-ins', label: t('signIns.title') },
          { key: 'sign-out', label: t('shell.signOut') },
        ]}
        onChoose={(key) => {
          if (key === 'sign-ins') go('/sign-ins')
          else void signOut().then(() => setFailed(false), () => setFailed(true))
        }}
      >
        <UserOutlined aria-hidden="true" />
        <span className="wg-account-name">{name}</span>
      </MenuButton>
      {failed ? (
        <span className="wg-account-failed" role="alert">
          {t('shell.signOutFailed')}
        </span>
      ) : null}
    </span>
  )
}
