import { PasswordInput, Progress, Text } from "@mantine/core";

const LEAST = 12;
const MOST = 128;

/** What is wrong with a new password; `null` = nothing. */
export function passwordFault(password: string): string | null {
  const length = [...password].length;
  if (length < LEAST) return `At least ${LEAST} characters; ${length === 0 ? "a few words in a row do well" : `${LEAST - length} more`}.`;
  return length > MOST ? `At most ${MOST} characters.` : null;
}

interface NewPasswordProps {
  value: string;
  onChange: (value: string) => void;
  refused?: string | undefined;
  label?: string;
  strict: boolean;
}

/** A password to be chosen, with how far it is. */
export function NewPassword({ value, onChange, refused, label = "Password", strict }: NewPasswordProps) {
  const fault = passwordFault(value);
  return (
    <div>
      <PasswordInput label={label} autoComplete="new-password" required value={value} onChange={(event) => onChange(event.currentTarget.value)} error={refused ?? (strict ? fault : undefined)} />
      <Progress value={Math.min(100, ([...value].length / LEAST) * 100)} size={4} mt={6} color={fault ? "orange" : "green"} aria-label="Length of the password" />
      {strict && fault ? null : <Text size="xs" c="dimmed" mt={4}>{fault ?? "Long enough."}</Text>}
    </div>
  );
}
