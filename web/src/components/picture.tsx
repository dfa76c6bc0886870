import { Box } from "@mantine/core";
import { encode } from "uqr";

/** A text as a QR code: black on white whatever the colours of the page, or cameras do not read it. */
export function Picture({ text, label }: { text: string; label: string }) {
  const { data, size } = encode(text, { border: 3 });
  const path = data.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
  return (
    <Box ta="center">
      <svg viewBox={`0 0 ${size} ${size}`} width={220} height={220} role="img" aria-label={label} shapeRendering="crispEdges" style={{ background: "#fff", borderRadius: 8 }}>
        <path d={path} fill="#000" />
      </svg>
    </Box>
  );
}
