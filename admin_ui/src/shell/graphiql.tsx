/** Starts the GraphiQL page in the root element of graphiql/index.html. */
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import '../kit/kit.css'
import { startLanguage } from '../kit/language'
import { readPreferences } from '../kit/preferences'
import { Surroundings } from '../kit/Surroundings'
import { GraphiqlPage } from '../screens/graphiql/GraphiqlPage'

const root = document.getElementById('root')
if (root) {
  void startLanguage(readPreferences().language).then(() =>
    createRoot(root).render(
      <StrictMode>
        <Surroundings>
          <GraphiqlPage />
        </Surroundings>
      </StrictMode>,
    ),
  )
}
