import { reasonOf } from '../../core/errors.ts'
import { operationId } from '../../core/key.ts'
import { failure } from '../exit.ts'
import type { StoreAtHand } from '../store.ts'
import type { Target } from '../target.ts'
import { ACTS, actOf, findOne, nameOf, perform } from './acts.ts'
import { healthPage } from './health.ts'
import { html, lines } from './html.ts'
import { operationPage } from './operation.ts'
import { operationsPage } from './operations.ts'
import { outboxPage, unparkChosen } from './outbox.ts'
import { message, type Page, told } from './page.ts'

export interface RouteOptions {
  readonly storeUrl: string
  /** What suggested commands need to find the store. */
  readonly storeFlag: string
  /** Whether operations may be changed. */
  readonly isWritable: boolean
  /** Hears of every change, and of failures. */
  readonly log: (text: string) => void
}

export interface Routes {
  show(query: URLSearchParams): Promise<Page>
  /** Carries out what a form asks for, and shows what is there then. @throws CliError when it cannot be done */
  change(query: URLSearchParams, form: URLSearchParams): Promise<Page>
}

/** Everything is at one path, and told apart by the query: so the dashboard works wherever it is mounted. */
export function createRoutes(store: StoreAtHand, { storeUrl, storeFlag, isWritable, log }: RouteOptions): Routes {
  async function show(query: URLSearchParams): Promise<Page> {
    switch (query.get('view') ?? 'health') {
      case 'health':
        return healthPage(store, storeFlag)
      case 'operations':
        return operationsPage(store, query)
      case 'operation': {
        const target = targetIn(query)
        const isResultShown = query.get('result') === 'shown'
        return target === undefined ? nowhere() : operationPage(store, { target, isResultShown, isWritable, storeUrl })
      }
      case 'outbox':
        return outboxPage(store, query, isWritable)
      default:
        return nowhere()
    }
  }

  async function unpark(query: URLSearchParams, form: URLSearchParams): Promise<Page> {
    const done = await unparkChosen(store, form)
    log(`outbox: ${done}`)
    return withMessage(show(query), done)
  }

  /** Once something was done, that is said also where the store no longer answers, or it would pass for not done. */
  async function withMessage(page: Promise<Page>, done: string): Promise<Page> {
    const shown = await page.catch((error: unknown): Page => {
      log(reasonOf(error))
      return { ...message(reasonOf(error)), title: 'Done' }
    })
    return { ...shown, main: html`${told(lines(done))}${shown.main}` }
  }

  return {
    show,
    async change(query, form) {
      if (query.get('view') === 'outbox') return unpark(query, form)
      const target = targetIn(query)
      const name = ACTS.find((act) => act === form.get('act'))
      if (target === undefined || name === undefined) return nowhere()
      const found = name === 'forget' ? await findOne(store, target) : undefined
      if (found !== undefined && form.get('confirm')?.trim() !== nameOf(found, target).trim())
        throw failure('What was typed is not the name of the operation: nothing was changed.')
      const act = actOf(name, storeUrl, form.get('value')?.trim() || undefined)
      const label = await perform(store, target, act, form.get('seen') ?? '')
      log(`${act.done} ${label}`)
      const page = name === 'forget' ? operationsPage(store, new URLSearchParams()) : show(query)
      return withMessage(page, `${act.done} ${label}`)
    },
  }
}

function targetIn(query: URLSearchParams): Target | undefined {
  const id = /^[0-9a-f]{32}$/.exec(query.get('id') ?? '')?.[0]
  if (id === undefined) return undefined
  const [scope, key] = [query.get('scope'), query.get('key')]
  return scope !== null && key !== null && operationId(scope, key) === id ? { id, scope, key } : { id }
}

const nowhere = (): Page => ({ ...message('There is no such page.'), status: 404 })
