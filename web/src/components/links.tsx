import { Anchor, type AnchorProps, Button, type ButtonProps, NavLink, type NavLinkProps } from "@mantine/core";
import { createLink } from "@tanstack/react-router";
import { type AnchorHTMLAttributes, type Ref } from "react";

type Html<P> = P & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, keyof P> & { ref?: Ref<HTMLAnchorElement> };

/** A link in a text. */
export const TextLink = createLink((props: Html<AnchorProps>) => <Anchor {...props} />);
/** A link that looks like a button. */
export const ButtonLink = createLink((props: Html<ButtonProps>) => <Button component="a" {...props} />);
/** A link of the navigation. */
export const MenuLink = createLink((props: Html<NavLinkProps>) => <NavLink {...props} />);
