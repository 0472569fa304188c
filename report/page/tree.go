package page

import "strings"

// node is a folder or a file of the tree under a layer that differs.
type node struct {
	Name     string
	Mark     string // of a file: +, − or ≠
	Href     string
	Class    string
	N        int // findings about this very file beyond the first
	Children []*node
	index    map[string]*node
}

// tree puts findings into their folders. A folder with one entry is written with it in one line, as file managers do.
func tree(list []*findingView) []*node {
	root := &node{}
	for _, f := range list {
		parts := []string{f.Path}
		if f.layer > 0 {
			parts = split(f.Path)
		}
		n := root
		for _, p := range parts {
			n = n.child(p)
		}
		if n.Href != "" {
			n.N++
			continue
		}
		n.Href, n.Mark, n.Class = "#"+f.ID, f.Mark, f.Class
	}
	for i, c := range root.Children {
		root.Children[i] = c.joined()
	}
	return root.Children
}

// split cuts a path into its folders; below maxDepth what is left is one name.
func split(path string) []string {
	parts := strings.SplitAfterN(strings.TrimPrefix(path, "./"), "/", maxDepth)
	out := parts[:0]
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return []string{path}
	}
	return out
}

func (n *node) child(name string) *node {
	if c := n.index[name]; c != nil {
		return c
	}
	c := &node{Name: name}
	if n.index == nil {
		n.index = map[string]*node{}
	}
	n.index[name] = c
	n.Children = append(n.Children, c)
	return c
}

func (n *node) joined() *node {
	for i, c := range n.Children {
		n.Children[i] = c.joined()
	}
	if len(n.Children) == 1 && n.Href == "" {
		c := n.Children[0]
		c.Name = n.Name + c.Name
		return c
	}
	return n
}
