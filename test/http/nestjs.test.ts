import * as nest from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { describe, expect, it } from 'vitest'
import {
  IdempotencyInterceptor,
  Idempotent,
  ONCE,
  OnlyonceModule,
  type OnlyonceModuleOptions,
} from '../../src/http/nestjs/index.ts'
import { controller, options, serve } from './harness/nest-app.ts'
import { order } from './harness/shop.ts'

describe.for(['express', 'fastify'])('nestjs on %s', (platform) => {
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

  it('refuses options that are none where they are written', () => {
    expect(() => Idempotent({ requird: true } as never)).toThrow(/option `requird` is not an option/)
    expect(() => OnlyonceModule.forRoot({ ...options(), scope: 'public' })).not.toThrow()
  })
})

it.each(['graphql', 'rpc', 'ws'])(
  'a marked handler of %s does not run unguarded; one of a marked controller does',
  (type) => {
    const handlers = {
      pay: [function pay() {}, Idempotent()],
      other: [() => {}],
      free: [() => {}, Idempotent(false)],
    } as const
    const Resolver = controller('', handlers, Idempotent())
    const interceptor = new IdempotencyInterceptor(options())
    const called = (name: keyof typeof handlers) => {
      const context = { getType: () => type, getClass: () => Resolver, getHandler: () => handlers[name][0] }
      return interceptor.intercept(context as never, { handle: () => 'ran' })
    }
    const why = `@Idempotent() guards handlers of HTTP requests only, and Routes.pay was called for "${type}": use`
    expect(() => called('pay')).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID', message: expect.stringContaining(why) }),
    )
    expect([called('other'), called('free')]).toEqual(['ran', 'ran'])
  },
)
