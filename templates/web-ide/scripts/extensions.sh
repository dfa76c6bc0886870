# Installs the extensions that lie in ~/extensions as .vsix files: there is no gallery to take them from.
for file in "$HOME"/extensions/*.vsix; do
  [ -e "$file" ] || continue
  code-server --install-extension "$file"
done
