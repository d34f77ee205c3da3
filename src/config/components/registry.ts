/**
 * Every component there is: the one list that decoding, reference documentation and the `components` command read.
 */
import { failoverConnector } from './connector-failover.js';
import { forwardConnector } from './connector-forward.js';
import type { ComponentDefinition, Kind, Section } from './definition.js';
import { debugExporter } from './exporter-debug.js';
import { fileExporter } from './exporter-file.js';
import { loadBalancingExporter } from './exporter-load-balancing.js';
import { nopExporter } from './exporter-nop.js';
import { otlpGrpcExporter } from './exporter-otlp-grpc.js';
import { otlpHttpExporter } from './exporter-otlp-http.js';
import { tsExporter } from './exporter-ts.js';
import { fileStorageExtension } from './extension-file-storage.js';
import { healthCheckExtension } from './extension-health-check.js';
import { attributesProcessor } from './processor-attributes.js';
import { batchProcessor } from './processor-batch.js';
import { filterProcessor } from './processor-filter.js';
import { memoryLimiterProcessor } from './processor-memory-limiter.js';
import { resourceProcessor } from './processor-resource.js';
import { tsProcessor } from './processor-ts.js';
import { nopReceiver } from './receiver-nop.js';
import { otlpReceiver } from './receiver-otlp.js';
import { tsReceiver } from './receiver-ts.js';

/** All definitions, by kind and type. */
export const COMPONENTS: readonly ComponentDefinition[] = [
  nopReceiver,
  otlpReceiver,
  tsReceiver,
  attributesProcessor,
  batchProcessor,
  filterProcessor,
  memoryLimiterProcessor,
  resourceProcessor,
  tsProcessor,
  debugExporter,
  fileExporter,
  loadBalancingExporter,
  nopExporter,
  otlpGrpcExporter,
  otlpHttpExporter,
  tsExporter,
  failoverConnector,
  forwardConnector,
  fileStorageExtension,
  healthCheckExtension,
  // the list does not care about the type of each configuration: decoding and mapping of one definition agree
] as readonly unknown[] as readonly ComponentDefinition[];

/** The sections that hold components, in the order they are shown. */
export const SECTIONS: readonly Section[] = ['receivers', 'processors', 'exporters', 'connectors', 'extensions'];

/** The section of a kind. */
export function sectionOf(kind: Kind): Section {
  return `${kind}s`;
}

/** The definition of a type or alias in a section. */
export function findComponent(section: Section, type: string): ComponentDefinition | undefined {
  return inSection(section).find((definition) => definition.type === type || definition.aliases.includes(type));
}

/** The definitions of a section. */
export function inSection(section: Section): readonly ComponentDefinition[] {
  return COMPONENTS.filter((definition) => sectionOf(definition.kind) === section);
}

/** Types that were removed, with the Collector's text. */
export const REMOVED_TYPES: ReadonlyMap<string, string> = new Map([
  ['logging', 'the logging exporter has been deprecated, use the debug exporter instead'],
]);
