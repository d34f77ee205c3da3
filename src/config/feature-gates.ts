/**
 * Feature gates: the Collector's switches for behaviour that is new or on its way out.
 */
import { CollectorError } from '../errors.js';
import type { Diagnostic } from './issues.js';
import { nearest } from './schema/suggest.js';

/** How finished a gate's feature is: alpha is off and beta on unless told; stable is on, deprecated off, for good. */
export type GateStage = 'Alpha' | 'Beta' | 'Stable' | 'Deprecated';

/** One gate. */
export interface FeatureGate {
  readonly id: string;
  readonly stage: GateStage;
  readonly description: string;
  readonly referenceUrl: string;
  readonly fromVersion: string;
  /** Where a stable or deprecated gate goes away; null while that is open. */
  readonly toVersion: string | null;
  /** Whether this collector acts on it; other gates are known, so that command lines keep working. */
  readonly hasEffect: boolean;
}

const COLLECTOR = 'https://github.com/open-telemetry/opentelemetry-collector';

/** Every gate of the Collector's core, by id. */
export const FEATURE_GATES = [
  {
    id: 'confmap.enableMergeAppendOption',
    stage: 'Alpha',
    description:
      'Joins lists from several sources for service::extensions and the receivers and exporters of pipelines, instead of replacing them',
    referenceUrl: `${COLLECTOR}/issues/8754`,
    fromVersion: 'v0.120.0',
    toVersion: null,
    hasEffect: true,
  },
  {
    id: 'pdata.useProtoPooling',
    stage: 'Alpha',
    description: 'Pools the memory of decoded data; this collector pools without being told',
    referenceUrl: `${COLLECTOR}/issues/13631`,
    fromVersion: 'v0.133.0',
    toVersion: null,
    hasEffect: false,
  },
  {
    id: 'pkg.exporterhelper.queueBatchEnabled',
    stage: 'Alpha',
    description: 'Turns on batching in the sending queue of exporters unless told otherwise',
    referenceUrl: `${COLLECTOR}/issues/15047`,
    fromVersion: 'v0.158.0',
    toVersion: null,
    hasEffect: false,
  },
  {
    id: 'receiverhelper.newReceiverMetrics',
    stage: 'Alpha',
    description: 'Tells refusals from downstream and failures of the receiver apart in receiver metrics',
    referenceUrl: `${COLLECTOR}/pull/12802`,
    fromVersion: 'v0.138.0',
    toVersion: null,
    hasEffect: false,
  },
  {
    id: 'service.AllowNoPipelines',
    stage: 'Alpha',
    description: 'Allows to start without any pipeline',
    referenceUrl: `${COLLECTOR}/pull/12613`,
    fromVersion: 'v0.122.0',
    toVersion: null,
    hasEffect: true,
  },
  {
    id: 'service.partialReload',
    stage: 'Alpha',
    description: 'Rebuilds only the components that a new configuration changes',
    referenceUrl: `${COLLECTOR}/blob/main/docs/rfcs/partial-reload.md`,
    fromVersion: 'v0.157.0',
    toVersion: null,
    hasEffect: false,
  },
  {
    id: 'service.partialReloadReceivers',
    stage: 'Beta',
    description: 'Restarts only the receivers when a new configuration changes nothing else',
    referenceUrl: `${COLLECTOR}/blob/main/docs/rfcs/partial-reload.md`,
    fromVersion: 'v0.157.0',
    toVersion: null,
    hasEffect: false,
  },
  {
    id: 'service.profilesSupport',
    stage: 'Alpha',
    description: 'Allows pipelines for profiles',
    referenceUrl: `${COLLECTOR}/pull/11477`,
    fromVersion: 'v0.112.0',
    toVersion: null,
    hasEffect: true,
  },
  {
    id: 'telemetry.newPipelineTelemetry',
    stage: 'Alpha',
    description: 'Adds metrics per component with scope attributes that name it',
    referenceUrl: `${COLLECTOR}/blob/main/docs/rfcs/component-universal-telemetry.md`,
    fromVersion: 'v0.123.0',
    toVersion: null,
    hasEffect: false,
  },
] as const satisfies readonly FeatureGate[];

/** The id of a gate. */
export type GateId = (typeof FEATURE_GATES)[number]['id'];

/** Which gates are on. Immutable. */
export class FeatureGates {
  readonly #enabled: ReadonlyMap<string, boolean>;
  readonly #gates: readonly FeatureGate[];

  private constructor(gates: readonly FeatureGate[], enabled: ReadonlyMap<string, boolean>) {
    this.#gates = gates;
    this.#enabled = enabled;
  }

  /**
   * Reads `--feature-gates` flags; what is said last wins. Notices about gates that are settled go to `diagnostics`.
   * @param gates only tests pass their own
   * @throws {CollectorError} `FEATURE_GATE`, with every fault in its message
   */
  static parse(
    flags: readonly string[],
    diagnostics: Diagnostic[] = [],
    gates: readonly FeatureGate[] = FEATURE_GATES,
  ): FeatureGates {
    const enabled = new Map(gates.map((gate) => [gate.id, gate.stage === 'Beta' || gate.stage === 'Stable']));
    const faults: string[] = [];
    for (const flag of flags) {
      if (flag === '') continue;
      for (const [index, element] of flag.split(',').entries()) {
        if (element === '') {
          faults.push(`empty feature gate identifier at index ${index}`);
          continue;
        }
        const fault = set(element, gates, enabled, diagnostics);
        if (fault !== null) faults.push(fault);
      }
    }
    if (faults.length > 0) throw new CollectorError('FEATURE_GATE', faults.join('; '));
    return new FeatureGates(gates, enabled);
  }

  isEnabled(id: GateId): boolean {
    return this.#enabled.get(id) ?? false;
  }

  /** All gates with their state, by id. */
  list(): readonly (FeatureGate & { readonly enabled: boolean })[] {
    return this.#gates.map((gate) => ({ ...gate, enabled: this.#enabled.get(gate.id) ?? false }));
  }

  /** One gate with its state. @throws {CollectorError} `FEATURE_GATE` if there is none of that name */
  get(id: string): FeatureGate & { readonly enabled: boolean } {
    const gate = this.list().find((candidate) => candidate.id === id);
    if (gate === undefined) throw new CollectorError('FEATURE_GATE', `feature gate ${JSON.stringify(id)} not found`);
    return gate;
  }
}

/** Applies `a`, `+a` or `-a`; returns what is wrong with it. */
function set(
  element: string,
  gates: readonly FeatureGate[],
  enabled: Map<string, boolean>,
  diagnostics: Diagnostic[],
): string | null {
  const value = !element.startsWith('-');
  const id = /^[-+]/.test(element) ? element.slice(1) : element;
  const gate = gates.find((candidate) => candidate.id === id);
  if (gate === undefined) return unknownGate(id, gates);
  const quoted = JSON.stringify(id);
  if (gate.stage === 'Stable' || gate.stage === 'Deprecated') {
    const isStable = gate.stage === 'Stable';
    if (value !== isStable) {
      return `feature gate ${quoted} is ${isStable ? 'stable, can not be disabled' : 'deprecated, can not be enabled'}`;
    }
    const state = isStable ? 'stable and already enabled' : 'deprecated and already disabled';
    const gone = `It will be removed in version ${gate.toVersion} and continued use of the gate after version ${gate.toVersion} will result in an error.`;
    note(diagnostics, 'info', `Feature gate ${quoted} is ${state}. ${gone}`, id);
    return null;
  }
  enabled.set(id, value);
  if (value && !gate.hasEffect)
    note(diagnostics, 'warning', `feature gate ${quoted} has no effect in this collector`, id);
  return null;
}

function unknownGate(id: string, gates: readonly FeatureGate[]): string {
  const names = gates.map((gate) => gate.id);
  const suggestion = nearest(id, names);
  const text = `no such feature gate ${JSON.stringify(id)}. valid gates: [${names.join(' ')}]`;
  return suggestion === null ? text : `${text} (did you mean ${JSON.stringify(suggestion)}?)`;
}

function note(diagnostics: Diagnostic[], severity: Diagnostic['severity'], message: string, gate: string): void {
  diagnostics.push({ severity, message, path: [], position: null, fields: { gate } });
}
