import { constantLabels, resourceOf } from '../../../src/collector/resource.js';

const identity = { name: 'teleferric', version: '0.1.0', instance: 'uuid' };

describe('resourceOf', () => {
  it('has the defaults of the Collector', () => {
    expect(resourceOf({ schema_url: null, attributes: [], removed: [] }, identity)).toEqual({
      'service.instance.id': 'uuid',
      'service.name': 'teleferric',
      'service.version': '0.1.0',
    });
  });

  it('takes away what is removed and sets what is written', () => {
    const written = { schema_url: null, attributes: [['service.name', 'edge'] as const, ['zone', 'a'] as const] };
    expect(resourceOf({ ...written, removed: ['service.instance.id'] }, identity)).toEqual({
      'service.name': 'edge',
      'service.version': '0.1.0',
      zone: 'a',
    });
  });
});

describe('constantLabels', () => {
  const resource = { 'service.name': 'edge', 'service.version': '1', 'k8s.pod+name': 'p' };

  it('copies nothing unless asked', () => {
    expect(constantLabels(resource, null)).toEqual({});
    expect(constantLabels(resource, { included: [], excluded: [] })).toEqual({});
  });

  it('matches whole names, with * and ?, less the excluded ones', () => {
    expect(constantLabels(resource, { included: ['service.*'], excluded: ['*.versio?'] })).toEqual({
      service_name: 'edge',
    });
    expect(constantLabels(resource, { included: ['servic', 'k8s.pod+name'], excluded: [] })).toEqual({
      k8s_pod_name: 'p',
    });
  });
});
