/** Starts the console in the page's root element. */
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '../kit/kit.css'
import { startLanguage } from '../kit/language'
import { readPreferences } from '../kit/preferences'
import { App } from './App'

const root = document.getElementById('root')
if (root) {
  void startLanguage(readPreferences().language).then(() =>
    createRoot(root).render(
      <StrictMode>
        <App />
      </StrictMode>,
    ),
  )
}
