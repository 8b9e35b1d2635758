/** Which page is shown: by the state of the caller first, by the address second. */
import { lazy, Suspense } from 'react'
import { Redirect, Route, Router, Switch, useLocation, useSearch } from 'wouter'
import { usePreferences } from '../kit/preferences'
import { Waiting } from '../kit/States'
import { Surroundings } from '../kit/Surroundings'
import { CallerProvider, useCallerContext } from '../schema/caller'
import { Failed, NotFound } from '../screens/problem/Problems'
import { keptSearch } from '../screens/sign-in/kept-search'
import { Frame } from './Frame'
import { addressAfterSignIn, signInAddress } from './next-address'

const RegisterPage = lazy(() => import('../screens/register/RegisterPage').then((module) => ({ default: module.RegisterPage })))
const SignIn = lazy(() => import('../screens/sign-in/SignIn').then((module) => ({ default: module.SignIn })))
const Pending = lazy(() => import('../screens/sign-in/Pending').then((module) => ({ default: module.Pending })))
const MySignIns = lazy(() => import('../screens/sign-in/MySignIns').then((module) => ({ default: module.MySignIns })))
const Workbench = lazy(() => import('../screens/workbench/Workbench').then((module) => ({ default: module.Workbench })))

/** The console, at /admin/. */
export function App() {
  const { language } = usePreferences()
  return (
    <Surroundings>
      <CallerProvider language={language}>
        <Router base="/admin">
          <Suspense fallback={<Waiting />}>
            <Doors />
          </Suspense>
        </Router>
      </CallerProvider>
    </Surroundings>
  )
}

function Doors() {
  const { state, recheck } = useCallerContext()
  const [location] = useLocation()
  const search = useSearch()
  const atDoor = location === '/sign-in'
  if (state.state === 'failed') return <Failed failure={state.failure} retry={recheck} />
  if (state.state === 'signed-out') {
    return atDoor ? <SignIn ended={state.ended} /> : <Redirect to={signInAddress(location, search)} replace />
  }
  if (state.state === 'pending') return <Pending session={state.session} />
  if (state.state === 'checking') return <Waiting />
  if (atDoor) return <Redirect to={addressAfterSignIn(search, keptSearch())} replace />
  return (
    <Frame>
      <Switch>
        <Route path="/" component={Workbench} />
        <Route path="/sign-ins" component={MySignIns} />
        <Route path="/registers/:field" component={RegisterPage} />
        <Route component={NotFound} />
      </Switch>
    </Frame>
  )
}
