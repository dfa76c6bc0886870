import { Group, SimpleGrid, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";

import * as queries from "../../api/queries";
import { Section } from "../../components/page";
import { amount, quotaNames } from "../../lib/quota";

/** How much of each limit is left, where there is one. */
export function QuotaLeft() {
  const query = useQuery(queries.quota);
  const limits = query.data?.limits.filter((each) => each.limit != null) ?? [];
  if (limits.length === 0) return null;
  return (
    <Section title="What is left of your quota">
      <SimpleGrid cols={{ base: 1, xs: 2, md: Math.min(limits.length, 5) }}>
        {limits.map((each) => {
          const most = each.limit ?? 0;
          const used = most > 0 ? Math.min(100, (each.used / most) * 100) : 100;
          return (
            <div key={each.what}>
              <Group justify="space-between" gap="xs"><Text size="sm">{quotaNames[each.what]}</Text><Text size="sm" className="numeric" fw={600}>{amount(each.what, Math.max(0, most - each.used))} left</Text></Group>
              <div className="bar-track" role="meter" aria-label={`${quotaNames[each.what]} used`} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(used)}><div style={{ width: `${used}%`, background: `var(--mantine-color-${used >= 100 ? "red-7" : used >= 80 ? "orange-6" : "indigo-6"})` }} /></div>
              <Text size="xs" c="dimmed" className="numeric">{amount(each.what, each.used)} of {amount(each.what, most)} used{each.from === "organization" ? "" : `, by the group ${each.from}`}</Text>
            </div>
          );
        })}
      </SimpleGrid>
    </Section>
  );
}
