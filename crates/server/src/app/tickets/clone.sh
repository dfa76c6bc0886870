# Clones a repository into the home directory and checks a branch out: address, folder, branch, branch to begin from.
# Another one may be at it: the server that began it was killed, and this is begun again. Whichever is first wins.
set -eu
url=$1 folder=$2 branch=$3 base=$4
cd "$HOME"
if ! command -v git >/dev/null 2>&1; then
  echo "there is no git in the workspace; the template has to install it" >&2
  exit 3
fi
if [ ! -d "$folder/.git" ]; then
  if [ -e "$folder" ]; then
    echo "the folder $folder is there already and is no repository" >&2
    exit 3
  fi
  part=".bailey-clone-$folder-$$"
  trap 'rm -rf "./$part"' EXIT
  git clone --quiet -- "$url" "./$part"
  # Without -T it would be moved into one that is there by now.
  mv -T "./$part" "./$folder" 2>/dev/null || [ -d "$folder/.git" ]
fi
cd "./$folder"
if [ "$(git symbolic-ref --quiet --short HEAD || true)" = "$branch" ]; then
  exit 0
fi
if git show-ref --verify --quiet "refs/heads/$branch"; then
  git checkout --quiet "$branch" --
elif git show-ref --verify --quiet "refs/remotes/origin/$branch"; then
  git checkout --quiet --track -b "$branch" "origin/$branch"
else
  git checkout --quiet --no-track -b "$branch" "origin/$base"
fi
