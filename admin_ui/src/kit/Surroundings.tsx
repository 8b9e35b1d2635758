/** What every page stands in: the theme of antd and kit.css, and the language, both following the person's choices. */
import { ConfigProvider } from 'antd'
import zhCN from 'antd/locale/zh_CN'
import enUS from 'antd/locale/en_US'
import { type ReactNode, useEffect, useLayoutEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { changeLanguage } from './language'
import { type Appearance, usePreferences } from './preferences'
import { antdConfig, type Mode, variables } from './theme'

const DARK = '(prefers-color-scheme: dark)'

/** The mode that is shown: the choice, else the system's. */
export function useMode(appearance: Appearance): Mode {
  const system = useSyncExternalStore(
    (listener) => {
      const query = matchMedia(DARK)
      query.addEventListener('change', listener)
      return () => query.removeEventListener('change', listener)
    },
    () => (matchMedia(DARK).matches ? 'dark' : 'light'),
  )
  return appearance === 'system' ? system : appearance
}

/** Writes the tokens of a mode where kit.css finds them. */
export function applyMode(mode: Mode): void {
  const root = document.documentElement
  for (const [name, value] of Object.entries(variables(mode))) root.style.setProperty(name, value)
  root.style.colorScheme = mode
  root.dataset['mode'] = mode
}

/** Theme and language for everything inside. */
export function Surroundings({ children }: { children: ReactNode }) {
  const { language, appearance } = usePreferences()
  const [shown, setShown] = useState(language)
  const mode = useMode(appearance)
  useLayoutEffect(() => applyMode(mode), [mode])
  useEffect(() => {
    let stale = false
    void changeLanguage(language).then(() => !stale && setShown(language))
    return () => {
      stale = true
    }
  }, [language])
  const theme = useMemo(() => antdConfig(mode), [mode])
  return (
    <ConfigProvider theme={theme} locale={shown === 'zh' ? zhCN : enUS} button={{ autoInsertSpace: false }} wave={{ disabled: true }}>
      {children}
    </ConfigProvider>
  )
}
