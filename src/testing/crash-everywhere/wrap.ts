import { types } from 'node:util'
import { isPlainObject } from '../../core/value-path.ts'
import { type PretendedProcess, Stopped } from './process.ts'
import { heard } from './unheard.ts'

/** Calls that change nothing by themselves. */
const QUIET: ReadonlySet<string> = new Set([
  ...['prepare', 'within', 'watch', 'unref', 'ref', 'toString', 'toJSON', 'valueOf'],
  ...['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners', 'emit', 'listenerCount'],
])

/** Calls that only run a callback, such as between savepoints: the callback's own calls count. */
const THROUGH: ReadonlySet<string> = new Set(['guarded'])

/** A transaction opened by hand: the database rolls it back when the process's connection is gone. */
const BEGINS = /^ (?:begin|start transaction)\b/i

/** The wrapped object of each proxy, to be passed back to its own library. */
const originals = new WeakMap<object, object>()

type Callable = (...args: unknown[]) => unknown

/** Wraps `value` for the process: every call of its methods is a crash point, and results are wrapped too. */
export function wrap<T>(value: T, label: string, process: PretendedProcess): T {
  return createWrapper(process)(value, label) as T
}

function original<T>(value: T): T {
  return (isObject(value) ? (originals.get(value) ?? value) : value) as T
}

function createWrapper(process: PretendedProcess) {
  const wrapped = new WeakMap<object, object>()
  /** Connections that the process took from a pool, and the function that records their return. */
  const lent = new WeakMap<object, () => void>()
  /** Queries that somebody awaits. */
  const asked = new WeakSet<object>()

  /** `text` labels calls that do not say it themselves: the SQL of a prepared statement. */
  function wrapValue(value: unknown, label: string, text = ''): unknown {
    if (!isResource(value)) return value
    const known = wrapped.get(value)
    if (known !== undefined) return known
    const proxy = resource(value, label, text)
    wrapped.set(value, proxy)
    originals.set(proxy, value)
    return proxy
  }

  /** The proxy's target is a shadow object, because a proxy must report a frozen target's members as they are. */
  function resource(real: object, label: string, text: string): object {
    const methods = new Map<string, Callable>()
    const get = (_: object, name: string | symbol): unknown => {
      const member: unknown = Reflect.get(real, name, real)
      if (typeof name === 'symbol') return typeof member === 'function' ? member.bind(real) : member
      if (typeof member !== 'function' || name === 'constructor') return wrapValue(member, `${label}.${name}`)
      const method =
        methods.get(name) ??
        (PROMISED.has(name) && isQuery(real)
          ? waitedFor(real, name, label, text)
          : methodOf(real, member as Callable, name, label, text))
      methods.set(name, method)
      return method
    }
    const change = (name: string | symbol, make: () => boolean): boolean => {
      // Like calls: writes of a stopped process have no effect.
      if (process.dead) return true
      methods.delete(String(name))
      return make()
    }
    const set = (_: object, name: string | symbol, value: unknown) =>
      change(name, () => Reflect.set(real, name, original(value), real))
    const handler: ProxyHandler<object> = {
      get,
      set,
      has: (_, name) => Reflect.has(real, name),
      deleteProperty: (_, name) => change(name, () => Reflect.deleteProperty(real, name)),
      ownKeys: () => Reflect.ownKeys(real),
      getOwnPropertyDescriptor(_, name) {
        const own = Reflect.getOwnPropertyDescriptor(real, name)
        // Configurable, because the shadow lacks it. An accessor, so that a getter runs only when it is read.
        const through = {
          get: () => get(_, name),
          set: (value: unknown) => void set(_, name, value),
          configurable: true,
        }
        return own && { ...through, enumerable: own.enumerable === true }
      },
    }
    if (typeof real === 'function') return new Proxy(methodOf(undefined, real as Callable, '', label, text), handler)
    return new Proxy(Object.create(Reflect.getPrototypeOf(real)) as object, handler)
  }

  /** A query that runs when it is awaited. */
  function waitedFor(query: PromiseLike<unknown>, name: string, label: string, text: string): Callable {
    const run = () => {
      asked.add(query)
      return held(query, undefined)
    }
    const answer = async () => wrapValue(await process.call(`${label}.then${text}`, run), label)
    return (...args) => Reflect.apply(Reflect.get(Promise.prototype, name) as Callable, answer(), args)
  }

  function methodOf(self: object | undefined, method: Callable, name: string, label: string, text: string): Callable {
    const path = name === '' ? label : `${label}.${name}`
    return (...args) => {
      const said = text || textOf(args)
      if (QUIET.has(name)) return wrapValue(Reflect.apply(method, self, args.map(original)), label, said)
      const giveBack = lent.get(self ?? method)
      if (name === 'release' && giveBack !== undefined) {
        giveBack()
        return Reflect.apply(method, self, args)
      }
      let query: PromiseLike<unknown> | undefined
      const passed = args.map((arg) => {
        return typeof arg === 'function' ? callback(arg as Callable, path, () => query) : original(arg)
      })
      if (BEGINS.test(said)) process.onDeath(() => Reflect.apply(method, self, ['ROLLBACK']))
      const run = () => {
        const answer: unknown = Reflect.apply(method, self, passed)
        if (!isQuery(answer)) return held(answer, self)
        query = answer
        return new Unasked(answer)
      }
      const answer = THROUGH.has(name) ? run() : process.call(`${path}${said}`, run)
      if (answer instanceof Unasked) return wrapValue(answer.query, path, said)
      if (!isThenable(answer)) return wrapValue(answer, path)
      return heard(Promise.resolve(answer).then((value) => wrapValue(value, path)))
    }
  }

  /** Work done inside a call, such as in a transaction: it rejects when the process stops, so that the call ends. */
  function callback(work: Callable, path: string, queryOf: () => PromiseLike<unknown> | undefined): Callable {
    return (...args) => {
      const query = queryOf()
      if (query !== undefined && process.dead) throw brokenOff(query)
      const answer = work(...args.map((arg) => wrapValue(arg, innerLabel(path))))
      if (isQuery(original(answer))) return new Later(() => Promise.race([answer, process.died]))
      return isThenable(answer) ? Promise.race([answer, process.died]) : answer
    }
  }

  /** Some begin by themselves, like Knex's transactions: after the process has stopped nobody hears their error. */
  function brokenOff(query: PromiseLike<unknown>): Stopped {
    const isHeard = asked.has(query)
    asked.add(query)
    if (!isHeard) query.then(undefined, () => {})
    return new Stopped()
  }

  /** Closes a connection that was taken from a pool if the process has not returned it when it ends. */
  function held(answer: unknown, pool: object | undefined): unknown {
    if (!isThenable(answer)) return answer
    return Promise.resolve(answer).then((value) => {
      if (!isObject(value) || value === pool) return value
      const { release, destroy } = value as { release?: unknown; destroy?: unknown }
      if (typeof release !== 'function') return value
      const giveUp = typeof destroy === 'function' ? () => destroy.call(value) : () => release.call(value, true)
      lent.set(value, process.onEnd(giveUp))
      return value
    })
  }

  return wrapValue
}

function innerLabel(path: string): string {
  return path.endsWith('.transaction') ? 'tx' : path
}

/** Whether a value has methods to wrap; rows, errors and plain values are passed on as they are. */
function isResource(value: unknown): value is object {
  if (typeof value === 'function') return true
  if (!isObject(value) || originals.has(value)) return false
  if (isQuery(value)) return true
  if (Array.isArray(value) || ArrayBuffer.isView(value) || isThenable(value)) return false
  if (types.isDate(value) || types.isMap(value) || types.isSet(value)) return false
  if (value instanceof Error || types.isNativeError(value) || value instanceof AbortSignal) return false
  if (Array.isArray((value as { rows?: unknown }).rows)) return false
  if (!isPlainObject(value)) return true
  return Object.values(value).some((member) => typeof member === 'function')
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' ? value !== null : typeof value === 'function'
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return isObject(value) && typeof (value as { then?: unknown }).then === 'function'
}

/** Whether a thenable is a query builder and not a promise (Knex, Drizzle, Mongoose): its `then` runs the query. */
function isQuery(value: unknown): value is PromiseLike<unknown> {
  if (!isThenable(value) || types.isPromise(value)) return false
  for (let at: object | null = value; at !== null; at = Reflect.getPrototypeOf(at)) {
    // The members of every object's root prototype, of whatever realm, do not count.
    if (at !== value && Reflect.getPrototypeOf(at) === null) return false
    const more = Object.entries(Object.getOwnPropertyDescriptors(at)).some(
      ([name, own]) => typeof own.value === 'function' && name !== 'constructor' && !PROMISED.has(name),
    )
    if (more) return true
  }
  return false
}

const PROMISED: ReadonlySet<string> = new Set(['then', 'catch', 'finally'])

/** Carries a query through promises without awaiting it, which would run it. */
class Unasked {
  readonly query: PromiseLike<unknown>
  constructor(query: PromiseLike<unknown>) {
    this.query = query
  }
}

/** Starts its work when it is awaited. */
class Later implements PromiseLike<unknown> {
  readonly #begin: () => Promise<unknown>
  constructor(begin: () => Promise<unknown>) {
    this.#begin = begin
  }
  // biome-ignore lint/suspicious/noThenProperty: the receiver decides whether to await it
  then: Promise<unknown>['then'] = (done, failed) => this.#begin().then(done, failed)
}

/** Returns the SQL, or the name, in a call's first argument. */
function textOf([first]: readonly unknown[]): string {
  const text = typeof first === 'string' ? first : (Object(first) as { text?: unknown }).text
  if (typeof text !== 'string') return ''
  const short = text.replace(/\s+/g, ' ').trim()
  return ` ${short.length <= 100 ? short : `${short.slice(0, 99)}…`}`
}
