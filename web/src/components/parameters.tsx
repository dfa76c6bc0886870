import { Box, Group, Input, MultiSelect, NumberInput, Radio, Select, Slider, Stack, Switch, TagsInput, Text, Textarea, TextInput } from "@mantine/core";
import { useId } from "react";

import { checkValue, type Definition, text, type Value } from "../lib/parameters";

interface FieldProps {
  definition: Definition;
  value: Value | undefined;
  former?: Value | undefined;
  /** What the server said about it. */
  refused?: string | undefined;
  /** Whether an empty value is told, too: once somebody has tried to go on. */
  strict: boolean;
  onChange: (value: Value | undefined) => void;
}

/** A sentence about a value, from the words that come after the parameter's name. */
function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function NumberSlider({ definition, value, fault, disabled, onChange }: { definition: Definition; value: number; fault: string | undefined; disabled: boolean; onChange: (value: number) => void }) {
  const { min, max } = definition;
  const id = useId();
  const step = definition.step ?? 1;
  return (
    <Input.Wrapper label={definition.display_name} description={definition.description || undefined} error={fault} id={id} labelElement="div">
      <Group gap="md" wrap="nowrap" mt={4}>
        <Slider style={{ flex: 1 }} min={min ?? 0} max={max ?? 100} step={step} value={value} onChange={onChange} disabled={disabled} label={null} thumbLabel={definition.display_name} />
        <NumberInput w={92} size="sm" aria-label={`${definition.display_name}, as a number`} min={min ?? undefined} max={max ?? undefined} step={step} value={value} disabled={disabled} onChange={(next) => typeof next === "number" && onChange(next)} clampBehavior="none" />
      </Group>
      <Group justify="space-between" pr={108}><Text size="xs" c="dimmed" className="numeric">{min}</Text><Text size="xs" c="dimmed" className="numeric">{max}</Text></Group>
    </Input.Wrapper>
  );
}

/** One parameter, in the form that its template asks for. */
export function ParameterField({ definition, value, former, refused, strict, onChange }: FieldProps) {
  const fixed = !definition.mutable && former !== undefined;
  const wrong = value === undefined ? (strict ? "needs a value" : null) : checkValue(definition, value, former);
  const fault = wrong ? sentence(wrong) : refused;
  const common = { label: definition.display_name, description: [definition.description, fixed ? "It is fixed once the workspace is there." : ""].filter(Boolean).join(" ") || undefined, error: fault, disabled: fixed, required: definition.default == null && former === undefined };
  const options = definition.options.map((option) => ({ value: text(option.value), label: option.name || text(option.value), description: option.description }));
  const choose = (chosen: string | null) => onChange(definition.options.find((option) => text(option.value) === chosen)?.value);
  const current = value === undefined ? null : text(value);

  if (definition.form === "slider" && definition.type === "number") {
    return <NumberSlider definition={definition} value={typeof value === "number" ? value : (definition.min ?? 0)} fault={fault} disabled={fixed} onChange={onChange} />;
  }
  if (definition.form === "switch") {
    return <Switch label={common.label} description={common.description} error={fault} disabled={fixed} checked={value === true} onChange={(event) => onChange(event.currentTarget.checked)} />;
  }
  if (definition.form === "radio") {
    return (
      <Radio.Group {...common} value={current} onChange={choose}>
        <Stack gap="xs" mt="xs">{options.map((option) => <Radio key={option.value} value={option.value} label={option.label} description={option.description || undefined} disabled={fixed} />)}</Stack>
      </Radio.Group>
    );
  }
  if (definition.type === "list") {
    const list = Array.isArray(value) ? value : [];
    return options.length > 0 ? <MultiSelect {...common} data={options} value={list} onChange={onChange} searchable clearable /> : <TagsInput {...common} value={list} onChange={onChange} splitChars={[]} placeholder="Type, then Enter" />;
  }
  if (options.length > 0) {
    const about = options.find((option) => option.value === current)?.description;
    return (
      <Box>
        <Select {...common} data={options} value={current} onChange={choose} allowDeselect={false} searchable={options.length > 8} />
        {about ? <Text size="xs" c="dimmed" mt={4}>{about}</Text> : null}
      </Box>
    );
  }
  if (definition.type === "number") {
    return <NumberInput {...common} value={typeof value === "number" ? value : ""} step={definition.step ?? 1} onChange={(next) => onChange(typeof next === "number" ? next : undefined)} clampBehavior="none" />;
  }
  if (definition.form === "textarea") {
    return <Textarea {...common} autosize minRows={3} maxRows={12} value={typeof value === "string" ? value : ""} onChange={(event) => onChange(event.currentTarget.value)} />;
  }
  return <TextInput {...common} value={typeof value === "string" ? value : ""} onChange={(event) => onChange(event.currentTarget.value)} />;
}

interface FieldsProps {
  definitions: Definition[];
  values: Record<string, Value>;
  former?: Record<string, Value>;
  refused?: (name: string) => string | undefined;
  strict: boolean;
  onChange: (values: Record<string, Value>) => void;
}

/** All parameters of a template. */
export function ParameterFields({ definitions, values, former, refused, strict, onChange }: FieldsProps) {
  const set = (name: string, value: Value | undefined) => {
    const others = Object.entries(values).filter(([other]) => other !== name);
    onChange(Object.fromEntries(value === undefined ? others : [...others, [name, value]]));
  };
  return (
    <Stack gap="lg">
      {definitions.map((definition) => (
        <ParameterField key={definition.name} definition={definition} value={values[definition.name]} former={former?.[definition.name]} refused={refused?.(definition.name)} strict={strict} onChange={(value) => set(definition.name, value)} />
      ))}
    </Stack>
  );
}
