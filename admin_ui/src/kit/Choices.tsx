/** Language and appearance, as they stand in the header and on the sign-in page. */
import { CheckOutlined, DownOutlined, MoonOutlined, SunOutlined } from '@ant-design/icons'
import { Dropdown } from 'antd'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { type Appearance, choose, type Language, usePreferences } from './preferences'

const LANGUAGES: readonly Language[] = ['zh', 'en']
const APPEARANCES: readonly Appearance[] = ['light', 'dark', 'system']

/** 中文 / English side by side: two buttons, the chosen one pressed. */
export function LanguageChoice() {
  const { t } = useTranslation()
  const { language } = usePreferences()
  return (
    <div className="wg-toggle" role="group" aria-label={t('language.choose')}>
      {LANGUAGES.map((each) => (
        <button
          key={each}
          type="button"
          lang={each === 'zh' ? 'zh-CN' : 'en'}
          aria-pressed={each === language}
          onClick={() => choose({ language: each })}
        >
          {t(`language.${each}`)}
        </button>
      ))}
    </div>
  )
}

/** Light, dark or as the system, in a menu. */
export function AppearanceChoice() {
  const { t } = useTranslation()
  const { appearance } = usePreferences()
  const items = APPEARANCES.map((each) => ({
    key: each,
    label: t(`appearance.${each}`),
    icon: <CheckOutlined className={each === appearance ? '' : 'wg-unseen'} />,
  }))
  return (
    <MenuButton
      label={`${t('appearance.choose')} ${t(`appearance.${appearance}`)}`}
      items={items}
      onChoose={(key) => choose({ appearance: key as Appearance })}
    >
      {appearance === 'dark' ? <MoonOutlined aria-hidden="true" /> : <SunOutlined aria-hidden="true" />}
      <span className="wg-wide">{t(`appearance.${appearance}`)}</span>
    </MenuButton>
  )
}

interface MenuButtonProps {
  label: string
  items: { key: string; label: ReactNode; icon?: ReactNode }[]
  onChoose: (key: string) => void
  children: ReactNode
}

/** A quiet button that opens a menu. */
export function MenuButton({ label, items, onChoose, children }: MenuButtonProps) {
  return (
    <Dropdown
      trigger={['click']}
      placement="bottomRight"
      autoFocus
      menu={{ items, onClick: ({ key }) => onChoose(key) }}
    >
      <button type="button" className="wg-quiet" aria-label={label} aria-haspopup="menu" title={label}>
        {children}
        <DownOutlined className="wg-caret" aria-hidden="true" />
      </button>
    </Dropdown>
  )
}
