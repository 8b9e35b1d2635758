/** The texts of the console in both languages; Chinese is the original, English says the same. */
import i18next, { type i18n } from 'i18next'
import { initReactI18next } from 'react-i18next'
import type { Language } from './preferences'
import type zh from './texts/zh.json'

declare module 'i18next' {
  interface CustomTypeOptions {
    defaultNS: 'console'
    resources: { console: typeof zh }
  }
}

const LOADERS = {
  zh: () => import('./texts/zh.json'),
  en: () => import('./texts/en.json'),
} as const

export const HTML_LANG: Record<Language, string> = { zh: 'zh-CN', en: 'en' }

/** Prepares i18next for one language; the other is loaded when it is chosen. */
export async function startLanguage(language: Language): Promise<i18n> {
  const texts = (await LOADERS[language]()).default
  await i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    ns: ['console'],
    defaultNS: 'console',
    resources: { [language]: { console: texts } },
    interpolation: { escapeValue: false },
    returnNull: false,
  })
  document.documentElement.lang = HTML_LANG[language]
  return i18next
}

/** Switches the language of the open page. */
export async function changeLanguage(language: Language): Promise<void> {
  if (!i18next.hasResourceBundle(language, 'console')) {
    i18next.addResourceBundle(language, 'console', (await LOADERS[language]()).default)
  }
  await i18next.changeLanguage(language)
  document.documentElement.lang = HTML_LANG[language]
}
