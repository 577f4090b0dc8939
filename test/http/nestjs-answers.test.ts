import * as nest from '@nestjs/common'
import { delayWhen, finalize, map, type Observable, of, Subject, throwError } from 'rxjs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Idempotent, OnlyonceModule } from '../../src/http/nestjs/index.ts'
import { OnlyonceError, onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { faultyStore } from '../../src/testing/index.ts'
import { CatchAll, controller, options, serve } from './harness/nest-app.ts'
import { order, seen } from './harness/shop.ts'

describe.for(['express', 'fastify'])('answers of nestjs on %s', (platform) => {
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

  it('a client that cannot be told from others is an error that the operator is told of', async () => {
    const warned: unknown[] = []
    const hear = (warning: Error) => void warned.push({ ...warning, message: warning.message })
    process.on('warning', hear)
    onTestFinished(() => void process.off('warning', hear))
    const module = OnlyonceModule.forRoot({ ...options(), scope: () => '' })
    const { url } = await serve(platform, [module], [controller('', { pay: [() => 'paid', Idempotent()] })])
    const answer = await order(`${url}/pay`, 'k')
    expect([answer.status, await answer.json()]).toEqual([500, expect.objectContaining({ code: 'misconfigured' })])
    const why = /^POST "\/pay" is not set up correctly: the function `scope` answered "" for POST \/pay/
    await expect
      .poll(() => warned)
      .toEqual([expect.objectContaining({ code: 'ONLYONCE_MISCONFIGURED', message: expect.stringMatching(why) })])
  })
})
