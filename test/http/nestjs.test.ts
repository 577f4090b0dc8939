import 'reflect-metadata'
import * as nest from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import { delayWhen, finalize, map, type Observable, of, Subject, throwError } from 'rxjs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Idempotent, ONCE, OnlyonceModule, type OnlyonceModuleOptions } from '../../src/http/nestjs/index.ts'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { faultyStore } from '../../src/testing/index.ts'
import { newOnce, order, seen } from './harness/shop.ts'

class CatchAll {}
nest.Catch()(CatchAll)

type Method = (...args: never[]) => unknown

/** vitest leaves decorators to others; they are functions, and called as such. */
function controller(
  path: string,
  methods: Readonly<Record<string, readonly [Method, ...MethodDecorator[]]>>,
  ...decorators: readonly ClassDecorator[]
): new () => object {
  class Routes {}
  for (const [name, [value, ...marks]] of Object.entries(methods)) {
    const descriptor = { value, configurable: true, writable: true }
    Object.defineProperty(Routes.prototype, name, descriptor)
    for (const decorate of [nest.Post(name), ...marks]) decorate(Routes.prototype, name, descriptor)
  }
  for (const decorate of [nest.Controller(path), ...decorators]) decorate(Routes)
  return Routes
}

async function serve(
  platform: string,
  imports: unknown[],
  controllers: (new () => object)[],
  prepare: (app: nest.INestApplication) => void = () => {},
) {
  class AppModule {}
  nest.Module({ imports: imports as never, controllers })(AppModule)
  const settings = { logger: false, forceCloseConnections: true } as const
  const app =
    platform === 'express'
      ? await NestFactory.create(AppModule, settings)
      : await NestFactory.create(AppModule, new FastifyAdapter({ forceCloseConnections: true }) as never, settings)
  prepare(app)
  await app.listen(0, '127.0.0.1')
  onTestFinished(() => app.close())
  return { app, url: (await app.getUrl()).replace(/\/$/, '') }
}

describe.for(['express', 'fastify'])('nestjs on %s', (platform) => {
  const options = (): OnlyonceModuleOptions => ({ once: newOnce(), scope: 'public' })

  it('guards what is marked, with what was written nearest to it', async () => {
    const runs: string[] = []
    const handler = (name: string) => () => void runs.push(name)
    const marked = controller(
      'marked',
      {
        plain: [handler('plain')],
        strict: [handler('strict'), Idempotent({ required: true })],
        free: [handler('free'), Idempotent(false)],
      },
      Idempotent({ retentionMs: 60_000 }),
    )
    const bare = controller('bare', { free: [handler('bare')], one: [handler('one'), Idempotent()] })
    const { url } = await serve(platform, [OnlyonceModule.forRoot(options())], [marked, bare])
    for (const path of ['marked/plain', 'marked/strict', 'marked/free', 'bare/free', 'bare/one']) {
      await order(`${url}/${path}`, 'k')
      await order(`${url}/${path}`, 'k')
    }
    expect(runs).toEqual(['plain', 'strict', 'free', 'free', 'bare', 'bare', 'one'])
    expect((await order(`${url}/marked/strict`, undefined)).status).toBe(400)
    expect((await order(`${url}/marked/plain`, undefined)).status).toBe(201)
  })

  it('takes its options from other providers, and gives the engine to them', async () => {
    const given = options()
    class Settings {}
    nest.Module({ providers: [{ provide: 'given', useValue: given }], exports: ['given'] })(Settings)
    const asked: OnlyonceModuleOptions[] = []
    const module = OnlyonceModule.forRootAsync({
      imports: [Settings],
      inject: ['given'],
      useFactory: async (one: OnlyonceModuleOptions) => {
        asked.push(one)
        return one
      },
    })
    let runs = 0
    const { app, url } = await serve(platform, [module], [controller('', { pay: [() => ++runs, Idempotent()] })])
    expect(asked).toEqual([given])
    expect(app.get(ONCE)).toBe(given.once)
    await order(`${url}/pay`, 'k')
    await order(`${url}/pay`, 'k')
    expect(runs).toBe(1)
  })

  it('says which options are missing', async () => {
    expect(() => OnlyonceModule.forRoot(undefined as never)).toThrow(
      /^option `options` must be an object such as \{ once, scope \}; got undefined$/,
    )
    expect(() => OnlyonceModule.forRootAsync(undefined as never)).toThrow(/^option `useFactory` must be a function/)
    expect(() => OnlyonceModule.forRootAsync({ useValue: options() } as never)).toThrow(
      /^option `useValue` is not an option; there are imports, inject, useFactory$/,
    )
    const forgotten = OnlyonceModule.forRootAsync({ useFactory: (() => {}) as never })
    class AppModule {}
    nest.Module({ imports: [forgotten as never] })(AppModule)
    await expect(
      NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false }),
    ).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: 'option `useFactory` must answer an object such as { once, scope }; got undefined',
    })
  })

  it('whoever is turned away by a guard of Nest binds no key', async () => {
    let open = false
    const module = OnlyonceModule.forRoot(options())
    const { url } = await serve(platform, [module], [controller('', { pay: [() => 'paid', Idempotent()] })], (app) =>
      app.useGlobalGuards({ canActivate: () => open }),
    )
    expect((await order(`${url}/pay`, 'k')).status).toBe(403)
    open = true
    expect((await order(`${url}/pay`, 'k', { body: '{"other":1}' })).status).toBe(201)
  })

  it.for([
    ['around the guard see the end of replays too', true],
    ['within the guard run with the handler', false],
  ] as const)('interceptors %s, and wrap nothing twice', async ([, around]) => {
    const ends: string[] = []
    const wrap = {
      intercept(context: nest.ExecutionContext, next: nest.CallHandler): Observable<unknown> {
        return next.handle().pipe(
          map((data) => {
            ends.push(context.getHandler().name)
            return { data }
          }),
        )
      },
    }
    const pay = { pay: [() => ({ paid: true }), Idempotent()] } as const
    class Wraps {}
    nest.Module({ providers: [{ provide: 'APP_INTERCEPTOR', useValue: wrap }] })(Wraps)
    const module = OnlyonceModule.forRoot(options())
    const { url } = await serve(platform, around ? [Wraps, module] : [module, Wraps], [controller('', pay)])
    const first = await seen(await order(`${url}/pay`, 'k'))
    expect(first).toMatchObject({ status: 201, body: '{"data":{"paid":true}}', replayed: false })
    expect(await seen(await order(`${url}/pay`, 'k'))).toEqual({ ...first, replayed: true })
    expect((await order(`${url}/pay`, 'k', { body: '{"other":1}' })).status).toBe(422)
    expect(ends.length).toBe(around ? 3 : 1)
  })

  it.each([
    ['open', 'closed'],
    ['closed', 'open'],
  ])('a handler that two controllers inherit is guarded as each says (%s first)', async (...asked) => {
    const runs: string[] = []
    class Base {}
    const create = {
      value: (...args: never[]) => void runs.push(String(args.length)),
      configurable: true,
      writable: true,
    }
    Object.defineProperty(Base.prototype, 'create', create)
    nest.Post()(Base.prototype, 'create', create)
    const inheriting = (path: string, marked: ClassDecorator) => {
      class Routes extends Base {}
      nest.Controller(path)(Routes)
      marked(Routes)
      return Routes
    }
    const controllers = [
      inheriting('open', Idempotent({ scope: 'public' })),
      inheriting('closed', Idempotent({ scope: () => 'tenant', required: true })),
    ]
    const { url } = await serve(platform, [OnlyonceModule.forRoot(options())], controllers)
    const statuses: Record<string, number> = {}
    for (const path of asked) statuses[path] = (await order(`${url}/${path}`, undefined)).status
    expect(statuses).toEqual({ open: 201, closed: 400 })
  })

  it('an OnlyonceError behind an answer that is held does not change it', async () => {
    const store = faultyStore(memoryStore(), (verb) =>
      verb === 'complete' ? { kind: 'delay-reply', ms: 40 } : undefined,
    )
    const pay = () => (response: { status(code: number): { send(body: unknown): unknown } }) => {
      response.status(201).send({ paid: true })
      throw new OnlyonceError('STORE_UNAVAILABLE', 'on purpose')
    }
    const routes = controller('', { pay: [pay() as never, Idempotent()], bare: [pay() as never] })
    for (const name of ['pay', 'bare']) nest.Res()(routes.prototype, name, 0)
    const module = OnlyonceModule.forRoot({ once: onlyonce({ store, scope: 'shop' }), scope: 'public' })
    const { url } = await serve(platform, [module], [routes])
    for (const [path, replayed] of [
      ['pay', false],
      ['pay', true],
      ['bare', false],
    ] as const) {
      expect(await seen(await order(`${url}/${path}`, 'k'))).toMatchObject({
        status: 201,
        body: '{"paid":true}',
        replayed,
      })
    }
  })

  it('an OnlyonceError behind half an answer cuts it off, and frees the key', async () => {
    let runs = 0
    const half = (response: { raw?: import('node:http').ServerResponse }) => {
      const res = (response.raw ?? response) as import('node:http').ServerResponse
      if (++runs > 1) return res.writeHead(201).end('whole')
      res.writeHead(201, { 'content-length': 100 }).write('half')
      throw new OnlyonceError('STORE_UNAVAILABLE', 'on purpose')
    }
    const routes = controller('', { half: [half as never, Idempotent()] })
    nest.Res()(routes.prototype, 'half', 0)
    const { url } = await serve(platform, [OnlyonceModule.forRoot(options())], [routes])
    await expect(order(`${url}/half`, 'k').then((answer) => answer.text())).rejects.toThrow()
    expect(await seen(await order(`${url}/half`, 'k'))).toMatchObject({ status: 201, body: 'whole', replayed: false })
  })

  it('a duplicate whose client left while it waited comes to its end', async () => {
    let under = 0
    let runs = 0
    const done = new Subject<string>()
    const gauge = {
      intercept: (_: unknown, next: nest.CallHandler) => {
        under++
        return next.handle().pipe(finalize(() => under--))
      },
    }
    class Gauges {}
    nest.Module({ providers: [{ provide: 'APP_INTERCEPTOR', useValue: gauge }] })(Gauges)
    const slow = () => {
      runs++
      return done
    }
    const pay = { pay: [slow, Idempotent({ onInFlight: 'wait' })] } as const
    const { url } = await serve(platform, [Gauges, OnlyonceModule.forRoot(options())], [controller('', pay)])
    const first = order(`${url}/pay`, 'k')
    await expect.poll(() => runs).toBe(1)
    const leaving = new AbortController()
    const gone = order(`${url}/pay`, 'k', { signal: leaving.signal })
    await expect.poll(() => under).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 20))
    leaving.abort()
    await expect(gone).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 20))
    done.next('paid')
    done.complete()
    expect((await first).status).toBe(201)
    await expect.poll(() => under).toBe(0)
    expect(runs).toBe(1)
  })

  it('an answer in place of the handler is the only one', async () => {
    const caught: unknown[] = []
    const filter = { catch: (error: unknown) => void caught.push(error) }
    const pay = { pay: [() => 'paid', Idempotent()] } as const
    const wrap = { intercept: (_: unknown, next: nest.CallHandler) => next.handle().pipe(map((data) => ({ data }))) }
    class Wraps {}
    nest.Module({ providers: [{ provide: 'APP_INTERCEPTOR', useValue: wrap }] })(Wraps)
    const { url } = await serve(platform, [Wraps, OnlyonceModule.forRoot(options())], [controller('', pay)], (app) =>
      app.useGlobalFilters(Object.assign(Object.create(CatchAll.prototype), filter)),
    )
    for (let attempt = 0; attempt < 3; attempt++) expect((await order(`${url}/pay`, 'k')).status).toBe(201)
    expect((await order(`${url}/pay`, 'k', { body: '{"other":1}' })).status).toBe(422)
    expect(caught).toEqual([])
  })

  it('the head of an event stream waits for a store that takes its time', async () => {
    const store = faultyStore(memoryStore(), (verb) => (verb === 'claim' ? { kind: 'delay-reply', ms: 40 } : undefined))
    let runs = 0
    const sse = nest.Sse('events', { method: nest.RequestMethod.POST } as never)
    const events = { events: [() => of({ data: `run ${++runs}` }), Idempotent(), sse] } as const
    const module = OnlyonceModule.forRoot({ once: onlyonce({ store, scope: 'shop' }), scope: 'public' })
    const { url } = await serve(platform, [module], [controller('', events)])
    const first = await order(`${url}/events`, 'k')
    expect([first.status, await first.text()]).toEqual([201, expect.stringContaining('data: run 1')])
    const second = await order(`${url}/events`, 'k')
    expect([second.status, await second.json()]).toEqual([409, expect.objectContaining({ code: 'unrecordable' })])
    expect(runs).toBe(1)
  })

  it('an Observable goes on though its client left', async () => {
    const runs: number[] = []
    const left = new Subject<void>()
    const slow = { slow: [() => of(runs.push(0)).pipe(delayWhen(() => left)), Idempotent()] } as const
    const { url } = await serve(platform, [OnlyonceModule.forRoot(options())], [controller('', slow)])
    const leaving = new AbortController()
    const gone = order(`${url}/slow`, 'k', { signal: leaving.signal })
    await expect.poll(() => runs.length).toBe(1)
    leaving.abort()
    await expect(gone).rejects.toThrow()
    left.next()
    await expect.poll(async () => (await order(`${url}/slow`, 'k')).status).toBe(201)
    expect(runs.length).toBe(1)
  })

  it('an error of an Observable is answered by the filters, and frees the key', async () => {
    let runs = 0
    const fail = { fail: [() => (++runs === 1 ? throwError(() => new Error('on purpose')) : of('ok')), Idempotent()] }
    const { url } = await serve(platform, [OnlyonceModule.forRoot(options())], [controller('', fail as never)])
    expect((await order(`${url}/fail`, 'k')).status).toBe(500)
    expect((await order(`${url}/fail`, 'k')).status).toBe(201)
  })

  it('an OnlyonceError that nobody caught becomes a problem', async () => {
    const busy = () => {
      throw new OnlyonceError('IN_FLIGHT', 'somebody has it', { retryAfterMs: 2_500 })
    }
    const { url } = await serve(platform, [OnlyonceModule.forRoot(options())], [controller('', { busy: [busy] })])
    const answer = await order(`${url}/busy`, undefined)
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([409, '3'])
    expect(await answer.json()).toMatchObject({ code: 'conflict' })
  })

  it('refuses options that are none where they are written', () => {
    expect(() => Idempotent({ requird: true } as never)).toThrow(/option `requird` is not an option/)
    expect(() => OnlyonceModule.forRoot({ ...options(), scope: 'public' })).not.toThrow()
  })
})
