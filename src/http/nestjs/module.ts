import type { AnyOnce } from '../../core/once.ts'
import { invalidKind, refuseUnknown } from '../../core/option-rules.ts'
import { OnlyonceExceptionFilter } from './filter.ts'
import { IdempotencyInterceptor } from './interceptor.ts'
import type { NestDynamicModule, NestRequest, OnlyonceModuleOptions } from './shapes.ts'

/** The token that the engine is injected by: `@Inject(ONCE) once: AnyOnce`. */
export const ONCE: unique symbol = Symbol.for('onlyonce.nestjs.once')
const OPTIONS: unique symbol = Symbol.for('onlyonce.nestjs.options')

// The provider tokens under which Nest takes global enhancers from a module.
const APP_INTERCEPTOR = 'APP_INTERCEPTOR'
const APP_FILTER = 'APP_FILTER'

/** What `OnlyonceModule.forRootAsync` takes, for options that depend on other providers. */
export interface OnlyonceModuleAsyncOptions<Request extends NestRequest> {
  /** Default: none. Modules that export what is injected. */
  readonly imports?: readonly unknown[]
  /** Default: none. Tokens of the arguments of `useFactory`, in order. */
  readonly inject?: readonly unknown[]
  /**
   * Called once, when the application starts; what it returns is what `forRoot` takes. Wrong options end the start with
   * OPTION_INVALID.
   */
  readonly useFactory: (...args: never[]) => OnlyonceModuleOptions<Request> | Promise<OnlyonceModuleOptions<Request>>
}

/** Registers the interceptor and the exception filter globally, and provides the engine under the token `ONCE`. */
// biome-ignore lint/complexity/noStaticOnlyClass: it is what Nest calls a module
export class OnlyonceModule {
  /** @throws OnlyonceError OPTION_INVALID without options; for wrong ones when the application starts */
  static forRoot<Request extends NestRequest>(options: OnlyonceModuleOptions<Request>): NestDynamicModule {
    checkIsObject(options, 'options', 'must be')
    return OnlyonceModule.forRootAsync<Request>({ useFactory: () => options })
  }

  /** As `forRoot`, with options that depend on other providers. @throws OnlyonceError OPTION_INVALID */
  static forRootAsync<Request extends NestRequest>(given: OnlyonceModuleAsyncOptions<Request>): NestDynamicModule {
    refuseUnknown(given, ['imports', 'inject', 'useFactory'])
    const { imports = [], inject = [], useFactory } = Object(given) as OnlyonceModuleAsyncOptions<Request>
    if (typeof useFactory !== 'function')
      throw invalidKind('useFactory', 'must be a function that answers the options', useFactory)
    const made = <T>(provide: unknown, make: (options: OnlyonceModuleOptions) => T) => ({
      provide,
      useFactory: make,
      inject: [OPTIONS],
    })
    return {
      module: OnlyonceModule,
      global: true,
      imports: imports as never[],
      providers: [
        {
          provide: OPTIONS,
          useFactory: async (...args: never[]) => {
            const options = await useFactory(...args)
            checkIsObject(options, 'useFactory', 'must answer')
            return options
          },
          inject,
        },
        made(ONCE, ({ once }): AnyOnce => once),
        made(IdempotencyInterceptor, (options) => new IdempotencyInterceptor(options)),
        { provide: APP_INTERCEPTOR, useExisting: IdempotencyInterceptor },
        made(APP_FILTER, ({ header, docs }) => new OnlyonceExceptionFilter({ header, docs })),
      ] as never[],
      exports: [ONCE],
    }
  }
}

/** Otherwise it fails in a provider of ours that takes it apart. @throws OnlyonceError OPTION_INVALID */
function checkIsObject(value: unknown, name: string, must: string): void {
  if (typeof value === 'object' && value !== null) return
  throw invalidKind(name, `${must} an object such as { once, scope }`, value)
}
