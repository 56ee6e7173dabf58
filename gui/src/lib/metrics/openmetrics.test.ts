import { expect, it } from 'vitest';
import { familiesOf } from './openmetrics';

it('counters and gauges are read, buckets passed over', () => {
  const text = [
    '# HELP requests Requests by route.', '# TYPE requests counter', 'requests_total{route="/health",status="200"} 3',
    '# HELP wait Seconds.', '# TYPE wait histogram', 'wait_sum 1.5', 'wait_count 2', 'wait_bucket{le="1.0"} 1',
    '# HELP empty Nothing yet.', '# TYPE empty gauge', '# EOF', '',
  ].join('\n');
  expect(familiesOf(text)).toEqual([
    { name: 'requests', help: 'Requests by route.', samples: [{ name: 'requests_total', labels: 'route="/health",status="200"', value: 3 }] },
    { name: 'wait', help: 'Seconds.', samples: [{ name: 'wait_sum', labels: '', value: 1.5 }, { name: 'wait_count', labels: '', value: 2 }] },
  ]);
});
